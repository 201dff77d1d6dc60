import type { Origin } from "../../data/example.ts";
import { isRow, listKeys, optionalList, own, type Row, requiredText } from "../../data/formats/row_fields.ts";
import { describeValue } from "../../text/describe_value.ts";
import { AttuneError } from "../../text/errors.ts";
import type { Question } from "./question.ts";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const EXAM_COLUMNS = ["question", "A", "B", "C", "D", "answer"];

/** MMLU's CSV files name no columns: question, four choices and the right one's letter. */
export function examHeader(first: readonly string[]): string[] | undefined {
  const isNamed = first.some((name) => /^question$/i.test(name.trim()));
  const isRow = first.length === EXAM_COLUMNS.length && /^[A-D]$/.test(first[5]!.trim());
  return isRow && !isNamed ? EXAM_COLUMNS : undefined;
}

/** Which exam's row this is: MMLU, CMMLU and C-Eval as they are published, or MMLU as the hub has it. */
export function examOf(row: unknown): Exam | undefined {
  if (!isRow(row)) return undefined;
  const has = (...keys: string[]) => keys.every((key) => own(row, key) !== undefined);
  if (has("Question", "A", "B", "C", "D")) return cmmlu;
  if (has("question", "A", "B", "C", "D")) return has("id") ? ceval : mmlu;
  return has("question", "choices", "answer") && Array.isArray(own(row, "choices")) ? mmlu : undefined;
}

/** How an exam puts its questions, from its authors' own code. */
interface Exam {
  keys: { question: string; answer: string };
  ask(subject: string, question: string): string;
  /** Before the answer. */
  cue: string;
  /** What is between the cue and the letter. */
  space: string;
}

const mmlu: Exam = {
  keys: { question: "question", answer: "answer" },
  ask: (subject, question) =>
    `The following are multiple choice questions (with answers) about ${subject}.\n\n${question}`,
  cue: "\nAnswer:",
  space: " ",
};
const cmmlu: Exam = {
  keys: { question: "Question", answer: "Answer" },
  ask: (subject, question) =>
    `以下是关于${subject}的单项选择题，请直接给出正确答案的选项。\n\n题目：${question}`,
  cue: "\n答案是：",
  space: "",
};
const ceval: Exam = {
  keys: { question: "question", answer: "answer" },
  ask: (subject, question) =>
    `以下是中国关于${subject}考试的单项选择题，请选出其中的正确答案。\n\n${question}`,
  cue: "\n答案：",
  space: "",
};

/**
 * The question as the exam's authors ask it, without examples before it; the choices are the letters.
 * @param fallback the subject where the row names none: of the file's name
 * @throws AttuneError with the reason why it can't be read.
 */
export function examQuestion(row: Row, exam: Exam, origin: Origin, fallback: string): Question {
  const texts = choicesOf(row);
  const subject = String(own(row, "subject") ?? fallback).replaceAll("_", " ");
  const lines = texts.map((text, i) => `\n${LETTERS[i]}. ${text}`);
  const prompt = `${exam.ask(subject, requiredText(row, exam.keys.question))}${lines.join("")}${exam.cue}`;
  const letters = texts.map((_, i) => `${exam.space}${LETTERS[i]}`);
  const right = rightOf(row, exam.keys.answer, texts);
  const completion = letters[right]!;
  return {
    origin,
    task: subject,
    example: { kind: "completion", prompt, completion, origin },
    prompt: { kind: "text", text: prompt },
    references: [completion.trim()],
    choices: { texts: letters, right },
    isGenerated: false,
  };
}

function choicesOf(row: Row): string[] {
  if (own(row, "choices") === undefined) return ["A", "B", "C", "D"].map((key) => requiredText(row, key));
  const list = optionalList(row, "choices");
  if (list.length < 2 || list.length > LETTERS.length || !list.every((one) => typeof one === "string"))
    throw new AttuneError({
      code: "evaluation.choices",
      place: '"choices"',
      expected: "a list of 2 to 26 texts",
      got: describeValue(list),
    });
  return list as string[];
}

/** A letter, a number counted from 0, or the choice's own text. */
function rightOf(row: Row, key: string, texts: readonly string[]): number {
  const value = own(row, key);
  if (value === undefined || value === "")
    throw new AttuneError({
      code: "evaluation.no-answer",
      problem: `it has no answer to compare with; found the keys ${listKeys(row)}`,
      wayOut: "The test files of C-Eval are published without answers: take its val files",
    });
  const text = String(value).trim();
  const letter = text.length === 1 ? LETTERS.indexOf(text) : -1;
  const places = [/^\d+$/.test(text) ? Number(text) : -1, letter, texts.indexOf(text)];
  const right = places.find((place) => place >= 0 && place < texts.length);
  if (right !== undefined) return right;
  throw new AttuneError({
    code: "evaluation.unknown-choice",
    place: `"${key}"`,
    expected: `one of ${texts.length} choices`,
    got: describeValue(value),
  });
}

/** The subject that a file's name says: high_school_physics_test.csv. */
export const subjectOf = (file: string): string =>
  (file.split(/[\\/]/).at(-1) ?? file)
    .replace(/(\.[a-z0-9]+)+$/i, "")
    .replace(/[_-](?:test|dev|val|train)$/, "")
    .replaceAll("_", " ");
