import { AttuneError } from "../text/errors.ts";
import { type AlignedText, rewriteAligned } from "./aligned_text.ts";
import { isPair } from "./patterns/surrogates.ts";

export type UnicodeForm = "NFC" | "NFD" | "NFKC" | "NFKD";

/** What normalization may join: a character with the marks after it, or Hangul letters in a row. */
const CLUSTER = /[\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff]+|\P{M}?\p{M}*/gsu;
/** Runs that a form may change: of ASCII at most the character before one. */
const AFFECTED = /[\0-\x7f]?[^\0-\x7f]+/g;

/** @throws AttuneError when it joins what this doesn't expect to be joined, or would have to sort too many marks. */
export function normalizeForm(source: AlignedText, form: UnicodeForm): AlignedText {
  refuseLongMarks(source.text);
  const normalized = source.text.normalize(form);
  if (normalized === source.text) return source;
  const byCluster = rewriteAligned(source, (replace) => {
    for (const { 0: run, index } of source.text.matchAll(AFFECTED))
      for (const { 0: cluster, index: within } of run.matchAll(CLUSTER)) {
        const content = cluster.normalize(form);
        const from = index + within;
        if (content !== cluster) replace(from, from + cluster.length, content);
      }
  });
  if (byCluster.text === normalized) return byCluster;
  throw new AttuneError({
    code: "tokenizers.untraceable-normalization",
    problem: `${form} joins characters of the text in a way that can't be traced back`,
  });
}

const MOST_MARKS = 4096; // in a row: they are put in order in quadratic time
const MARK = /[\p{M}\uff9e\uff9f]/u;

/** A longer run of marks would stand at one of these places. */
function refuseLongMarks(text: string): void {
  for (let at = MOST_MARKS; at < text.length; at += MOST_MARKS) {
    const [from, to] = [reach(text, at, -1), reach(text, at, 1)];
    if (to - from <= MOST_MARKS) continue;
    throw new AttuneError({
      code: "tokenizers.too-many-marks",
      problem: `the text has more than ${MOST_MARKS} combining marks in a row`,
      wayOut: "Leave the row or its marks out",
    });
  }
}

/** How far marks go from `at`: as far as it matters. */
function reach(text: string, at: number, step: 1 | -1): number {
  let to = at;
  while (Math.abs(to - at) <= MOST_MARKS && isMark(text, to)) to += step;
  return to;
}

function isMark(text: string, at: number): boolean {
  if (!(text.charCodeAt(at) > 0x2ff)) return false;
  return MARK.test(String.fromCodePoint(text.codePointAt(at > 0 && isPair(text, at - 1) ? at - 1 : at)!));
}
