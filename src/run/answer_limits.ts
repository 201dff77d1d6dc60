import type { TokenizeOptions } from "../data/tokenize/tokenize_example.ts";
import type { Question } from "../evaluation/questions/question.ts";
import { promptText } from "../evaluation/questions/tokenize_question.ts";
import type { Base } from "../pretrained/base.ts";
import type { QuestionSet } from "./held_out_questions.ts";

/**
 * Leaves `most` questions to answer, of each task as many as of the others, and none that leaves no room for an answer.
 * @returns what is left out.
 */
export function prepareAnswers(
  { questions }: QuestionSet,
  tokenize: TokenizeOptions,
  { model }: Base,
  most = Number.POSITIVE_INFINITY,
): string[] {
  const { maxPositions = Number.POSITIVE_INFINITY } = model.dimensions;
  const asked: Question[] = [];
  let tooLong = 0;
  for (const question of questions) {
    if (!question.isGenerated) continue;
    const { text, addBos } = promptText(question.prompt!, tokenize);
    if (tokenize.tokenizer.encode(text, { addBos }).ids.length >= maxPositions) {
      question.isGenerated = false;
      tooLong++;
      continue;
    }
    asked.push(question);
  }
  const wanted = new Set(byTurns(asked).slice(0, most));
  for (const question of asked) question.isGenerated = wanted.has(question);
  if (tooLong === 0) return [];
  return [`${tooLong} rows are not answered: their prompts fill the model's ${maxPositions} positions`];
}

/** The first question of each task, then the second ones, and so on. */
export function byTurns(questions: readonly Question[]): Question[] {
  const turns = new Map<string, number>();
  const ranked = questions.map((question) => {
    const turn = turns.get(question.task) ?? 0;
    turns.set(question.task, turn + 1);
    return { question, turn };
  });
  return ranked.sort((a, b) => a.turn - b.turn).map(({ question }) => question); // stable: as they come
}

/** Twice the longest right answer, in tokens; as the model's files say where an answer has none. */
export function longestWanted(
  questions: readonly Question[],
  { tokenizer }: TokenizeOptions,
): number | undefined {
  const asked = questions.filter(({ isGenerated }) => isGenerated);
  if (asked.some(({ references }) => references.length === 0)) return undefined;
  const lengths = asked.flatMap(({ references }) =>
    references.map((text) => tokenizer.encode(text).ids.length),
  );
  return Math.max(SHORTEST, 2 * Math.max(0, ...lengths));
}

const SHORTEST = 16; // tokens
