import { isUpper } from "./python_text.ts";

/** Words in capital letters, where words end as in NLTK's word_tokenize: at marks and before contractions, not at hyphens. */
export function countCapitalWords(text: string): number {
  const spaced = text
    .replace(/[«»“”„‘’`]+|[?!;@#$%&*()[\]{}<>\u2012-\u2015"]|\.{2,}|--|''/gu, " $& ")
    .replace(/([:,])(?!\d)/g, " $1 ")
    .replace(/([^.])(\.)(?=\s|$)/g, "$1 $2 ")
    .replace(/(^|[^\p{L}\p{N}_'])'(?!(?:re|ve|ll|m|t|s|d|n)\b)(?=[\p{L}\p{N}])/giu, "$1' ")
    .replace(/([^' ])(n't|'ll|'re|'ve|'[smd])(?=\s|$)/gi, "$1 $2 ")
    .replace(/\b(can)(not)\b|\b(gon|got|lem|wan|gim)(na|ta|me)\b/gi, "$1$3 $2$4");
  return spaced.split(/\s+/).filter(isUpper).length;
}
