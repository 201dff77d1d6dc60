import { jsonOf } from "../scores/json_text.ts";
import { comparisonOf, countOf, type Instruction, textOf, textsOf } from "./arguments.ts";
import { countCapitalWords } from "./capital_words.ts";
import { languageOf } from "./language.ts";
import {
  BOUNDARY,
  countMatches,
  isBlank,
  isLower,
  isUpper,
  LINE_END,
  LINE_START,
  strip,
  WORD,
} from "./python_text.ts";
import { countSentences } from "./sentences.ts";

/** Without anything to read. */
const fixed = (check: (answer: string) => boolean): Instruction => ({ open: () => check });

/** IFEval's verifiable instructions (Zhou et al. 2023, https://arxiv.org/abs/2311.07911), by its own names, checked by its rules. */
export const INSTRUCTIONS: Readonly<Record<string, Instruction>> = {
  "keywords:existence": {
    open(given) {
      const keywords = textsOf(given, "keywords").map((keyword) => new RegExp(keyword, "i"));
      return (answer) => keywords.every((keyword) => keyword.test(answer));
    },
  },
  "keywords:frequency": {
    open(given) {
      const keyword = new RegExp(textOf(given, "keyword"), "gi");
      const holds = comparisonOf(given, "relation", "frequency");
      return (answer) => holds([...answer.matchAll(keyword)].length);
    },
  },
  "keywords:forbidden_words": {
    open(given) {
      const words = textsOf(given, "forbidden_words").map(
        (word) => new RegExp(`${BOUNDARY}(?:${word})${BOUNDARY}`, "iu"),
      );
      return (answer) => !words.some((word) => word.test(answer));
    },
  },
  "keywords:letter_frequency": {
    open(given) {
      const letter = textOf(given, "letter").toLowerCase();
      const holds = comparisonOf(given, "let_relation", "let_frequency");
      return (answer) => holds(answer.toLowerCase().split(letter).length - 1);
    },
  },
  "language:response_language": {
    open(given) {
      const language = textOf(given, "language");
      return (answer) => (languageOf(answer) ?? language) === language;
    },
  },
  "length_constraints:number_sentences": {
    open(given) {
      const holds = comparisonOf(given, "relation", "num_sentences");
      return (answer) => holds(countSentences(answer));
    },
  },
  "length_constraints:number_paragraphs": {
    open(given) {
      const wanted = countOf(given, "num_paragraphs");
      return (answer) => {
        const parts = answer.split(/\s?\*\*\*\s?/u);
        if (parts.slice(1, -1).some(isBlank)) return false;
        return parts.filter((part) => !isBlank(part)).length === wanted;
      };
    },
  },
  "length_constraints:number_words": {
    open(given) {
      const holds = comparisonOf(given, "relation", "num_words");
      return (answer) => holds(countMatches(answer, `${WORD}+`));
    },
  },
  "length_constraints:nth_paragraph_first_word": {
    open(given) {
      const [wanted, nth] = [countOf(given, "num_paragraphs"), countOf(given, "nth_paragraph")];
      const first = textOf(given, "first_word").toLowerCase();
      return (answer) => {
        const paragraphs = answer.split("\n\n");
        const count = paragraphs.filter((paragraph) => !isBlank(paragraph)).length;
        if (nth > count || count !== wanted) return false;
        const word = (paragraphs[nth - 1] ?? "").trim().split(/\s+/)[0] ?? "";
        const bare = word.replace(/^'+/, "").replace(/^"+/, "");
        return bare.split(/[.,?!'"]/)[0]!.toLowerCase() === first;
      };
    },
  },
  "detectable_content:number_placeholders": {
    open(given) {
      const wanted = countOf(given, "num_placeholders");
      return (answer) => countMatches(answer, "\\[[^\\n]*?\\]") >= wanted;
    },
  },
  "detectable_content:postscript": {
    open(given) {
      const marker = textOf(given, "postscript_marker");
      const known: Record<string, string> = { "P.P.S": "p\\.\\s?p\\.\\s?s", "P.S.": "p\\.\\s?s\\." };
      const pattern = new RegExp(known[marker] ?? marker.toLowerCase(), "");
      return (answer) => pattern.test(answer.toLowerCase());
    },
  },
  "detectable_format:number_bullet_lists": {
    open(given) {
      const wanted = countOf(given, "num_bullets");
      const stars = `${LINE_START}\\s*\\*[^*][^\\n]*${LINE_END}`;
      const dashes = `${LINE_START}\\s*-[^\\n]*${LINE_END}`;
      return (answer) => countMatches(answer, stars) + countMatches(answer, dashes) === wanted;
    },
  },
  "detectable_format:constrained_response": fixed((answer) =>
    ["My answer is yes.", "My answer is no.", "My answer is maybe."].some((one) => answer.includes(one)),
  ),
  "detectable_format:number_highlighted_sections": {
    open(given) {
      const wanted = countOf(given, "num_highlights");
      return (answer) => {
        const single = answer.match(/\*[^\n*]*\*/g) ?? [];
        const double = answer.match(/\*\*[^\n*]*\*\*/g) ?? [];
        const full = [...single, ...double].filter((one) => !isBlank(one.replaceAll("*", "")));
        return full.length >= wanted;
      };
    },
  },
  "detectable_format:multiple_sections": {
    open(given) {
      const [mark, wanted] = [textOf(given, "section_spliter"), countOf(given, "num_sections")];
      const section = new RegExp(`\\s?(?:${mark})\\s?\\p{Nd}+\\s?`, "gu");
      return (answer) => [...answer.matchAll(section)].length >= wanted;
    },
  },
  "detectable_format:json_format": fixed((answer) => jsonOf(answer) !== undefined),
  "detectable_format:title": fixed((answer) =>
    (answer.match(/<<[^\n]+>>/g) ?? []).some((title) => !isBlank(title.replace(/^<+|>+$/g, ""))),
  ),
  "combination:two_responses": fixed((answer) => {
    const parts = answer.split("******");
    if (parts.slice(1, -1).some(isBlank)) return false;
    const full = parts.filter((part) => !isBlank(part)).map((part) => part.trim());
    return full.length === 2 && full[0] !== full[1];
  }),
  "combination:repeat_prompt": {
    open(given) {
      const prompt = textOf(given, "prompt_to_repeat").toLowerCase();
      return (answer) => answer.trim().toLowerCase().startsWith(prompt);
    },
  },
  "startend:end_checker": {
    open(given) {
      const phrase = textOf(given, "end_phrase").toLowerCase();
      return (answer) => strip(answer.trim(), '"').toLowerCase().endsWith(phrase);
    },
  },
  "startend:quotation": fixed((answer) => {
    const text = answer.trim();
    return text.length > 1 && text.startsWith('"') && text.endsWith('"');
  }),
  "change_case:capital_word_frequency": {
    open(given) {
      const holds = comparisonOf(given, "capital_relation", "capital_frequency");
      return (answer) => holds(countCapitalWords(answer));
    },
  },
  "change_case:english_capital": fixed((answer) => isUpper(answer) && languageOf(answer) === "en"),
  "change_case:english_lowercase": fixed((answer) => isLower(answer) && languageOf(answer) === "en"),
  "punctuation:no_comma": fixed((answer) => !answer.includes(",")),
};
