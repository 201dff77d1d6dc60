import { describe, expect, test } from "vitest";
import { countCapitalWords } from "./capital_words.ts";
import { openInstructions } from "./follow.ts";
import { languageOf } from "./language.ts";
import { countSentences } from "./sentences.ts";

const strict = (id: string, kwargs: Record<string, unknown>, answer: string) =>
  openInstructions([id], [kwargs], "ifeval.jsonl row 1")(answer).strict[0];

/** What the checks that IFEval publishes (instruction_following_eval/instructions.py) say. */
const CASES: [id: string, kwargs: Record<string, unknown>, followed: string[], not: string[]][] = [
  ["keywords:existence", { keywords: ["story", "moon"] }, ["A Story of the MOON"], ["a story"]],
  ["keywords:frequency", { keyword: "to", frequency: 2, relation: "at least" }, ["to Tomorrow"], ["to"]],
  ["keywords:frequency", { keyword: "to", frequency: 2, relation: "less than" }, ["to", "x"], ["to to"]],
  [
    "keywords:forbidden_words",
    { forbidden_words: ["can", "ride"] },
    ["candy and rides"],
    ["I Can go", "a ride."],
  ],
  [
    "keywords:letter_frequency",
    { letter: "L", let_frequency: 3, let_relation: "at least" },
    ["lLl"],
    ["hello"],
  ],
  [
    "language:response_language",
    { language: "de" },
    ["Das ist nicht der Hund, und es ist gut."],
    ["This is the dog."],
  ],
  [
    "length_constraints:number_sentences",
    { num_sentences: 3, relation: "less than" },
    ["One. Two."],
    ["A. B one. C two. D three."],
  ],
  [
    "length_constraints:number_paragraphs",
    { num_paragraphs: 2 },
    ["one\n***\ntwo", "***one *** two***"],
    ["one", "a *** *** b"],
  ],
  ["length_constraints:number_words", { num_words: 3, relation: "at least" }, ["don't go"], ["two words"]],
  [
    "length_constraints:nth_paragraph_first_word",
    { num_paragraphs: 2, nth_paragraph: 2, first_word: "Then" },
    ['First.\n\n"Then, we went.'],
    ["First.\n\nThens we", "Then\n\nThen\n\nThen", "x\n\nnow then"],
  ],
  [
    "detectable_content:number_placeholders",
    { num_placeholders: 2 },
    ["[name] and [address]"],
    ["[name]", "[a\nb] [c]"],
  ],
  ["detectable_content:postscript", { postscript_marker: "P.S." }, ["Bye. p. s. one more"], ["PS one more"]],
  ["detectable_content:postscript", { postscript_marker: "P.P.S" }, ["P.P.S one", "p. p. s"], ["P.S. one"]],
  [
    "detectable_format:number_bullet_lists",
    { num_bullets: 2 },
    ["* one\n* two", "- one\n  - two", "* a\n- b"],
    ["* one", "** bold\n* one", "* a\n* b\n* c"],
  ],
  ["detectable_format:constrained_response", {}, ["Well. My answer is maybe. So."], ["my answer is yes"]],
  [
    "detectable_format:number_highlighted_sections",
    { num_highlights: 2 },
    ["*one* and *two*", "**one** and *two*"],
    ["*one* **", "* *"],
  ],
  [
    "detectable_format:multiple_sections",
    { section_spliter: "SECTION", num_sections: 2 },
    ["SECTION 1\na\nSECTION 2\nb"],
    ["SECTION 1", "Section 1 Section 2"],
  ],
  ["detectable_format:json_format", {}, ['```json\n{"a": 1}\n```', "[1]"], ["{a: 1}"]],
  ["detectable_format:title", {}, ["<<poem of joy>>\nx"], ["<< >>", "<poem>"]],
  [
    "combination:two_responses",
    {},
    ["one ****** two", "******one******two"],
    ["one ****** one", "a ****** b ****** c", "one"],
  ],
  ["combination:repeat_prompt", { prompt_to_repeat: "Say Hi " }, [" say hi now: hi"], ["Hi. Say hi"]],
  [
    "startend:end_checker",
    { end_phrase: "Any other questions?" },
    ['It is. ANY other questions?"\n'],
    ["Any other questions? No."],
  ],
  ["startend:quotation", {}, [' "all of it" '], ['"', '"a" b']],
  [
    "change_case:capital_word_frequency",
    { capital_frequency: 2, capital_relation: "at least" },
    ["A WELL-KNOWN thing"],
    ["A thing"],
  ],
  ["change_case:english_capital", {}, ["THIS IS THE END OF IT."], ["This is the end."]],
  ["change_case:english_lowercase", {}, ["this is the end of it."], ["This is the end."]],
  ["punctuation:no_comma", {}, ["none"], ["one, two"]],
];

describe("each instruction", () => {
  test.each(CASES)("%s %j", (id, kwargs, followed, not) => {
    for (const answer of followed) expect(strict(id, kwargs, answer), answer).toBe(true);
    for (const answer of [...not, " \n"]) expect(strict(id, kwargs, answer), answer).toBe(false);
  });
});

test("loosely, a first or last line and asterisks don't count", () => {
  const follow = openInstructions(
    ["startend:end_checker", "punctuation:no_comma"],
    [{ end_phrase: "Bye" }, {}],
    "row 1",
  );
  expect(follow("Sure, here it is:\nHello\nBye")).toEqual({ strict: [true, false], loose: [true, true] });
  expect(follow("Hello **Bye**").loose).toEqual([true, true]);
  expect(follow("Hello **Bye**").strict).toEqual([false, true]);
});

test("what is unknown, or lacks what it takes, is named with its row", () => {
  expect(() => openInstructions(["keywords:existance"], [{}], "f.jsonl row 3")).toThrow(
    /^f\.jsonl row 3: .*keywords:existance/,
  );
  expect(() => openInstructions(["keywords:existence"], [{ keywords: null }], "f.jsonl row 3")).toThrow(
    /keywords should be/,
  );
  expect(() => openInstructions(["keywords:existence"], [{ keywords: ["("] }], "f.jsonl row 3")).toThrow(
    /^f\.jsonl row 3/,
  );
});

test("a keyword that would run away ends in an error that names the row", () => {
  const follow = openInstructions(["keywords:existence"], [{ keywords: ["^(a+)+$"] }], "f.jsonl row 3");
  expect(() => follow(`${"a".repeat(60)}b`)).toThrow(/^f\.jsonl row 3: .*too long/);
});

test("sentences end at marks, not behind abbreviations", () => {
  expect(countSentences("Dr. Smith paid 3.50 dollars. He left! Did he?")).toBe(3);
  expect(countSentences("one sentence without a mark")).toBe(1);
  expect(countSentences('He said: "Go." Then he went... and came back.')).toBe(2);
});

test("words in capitals are NLTK's: contractions are two, hyphens join", () => {
  expect(countCapitalWords("I DON'T KNOW, SIR. A WELL-KNOWN Fact")).toBe(7);
  expect(countCapitalWords("CANNOT (NASA) U.S.A. x")).toBe(4);
});

test.each([
  ["en", "What is the name of this dog and where is it?"],
  ["es", "El perro no está en la casa, pero es muy bueno."],
  ["fr", "Le chien est dans la maison avec nous."],
  ["zh", "今天天气很好。"],
  ["ja", "今日はいい天気です。"],
  ["ko", "오늘은 날씨가 좋습니다."],
  ["ru", "Это не то, что он был."],
  ["uk", "Це є те, що він знає."],
  ["ar", "هذا هو الكتاب الذي في البيت"],
  ["fa", "این کتاب است که در خانه را"],
  ["hi", "यह है और वह नहीं"],
])("the language %s", (language, text) => {
  expect(languageOf(text)).toBe(language);
});
