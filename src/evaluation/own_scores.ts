import { describeOrigin } from "../data/example.ts";
import { AttuneError } from "../text/errors.ts";
import type { Result } from "./measure.ts";
import { type Prompt, type Question, questionText } from "./questions/question.ts";
import { FRACTIONS, LOSSES } from "./score_names.ts";

/** What a function of one's own gets beside the answer. */
export interface ScoredRow {
  task: string;
  /** The last message to the model. */
  question: string;
  prompt: Prompt;
  references: readonly string[];
}

/** Says how good an answer is: true or false, a number, or several numbers by name. */
export type ScoreFunction = (
  answer: string,
  row: ScoredRow,
) => OwnValue | Record<string, OwnValue> | Promise<OwnValue | Record<string, OwnValue>>;
type OwnValue = number | boolean;

/** A function of one's own, and the module it comes from. */
export interface OwnScorer {
  place: string;
  score: ScoreFunction;
}

/** The name of a score that has none. */
const UNNAMED = "score";

/**
 * Tries the function on right answers, before any model is asked: on the first one of each question, or on an empty answer.
 * @returns the names of its scores.
 * @throws AttuneError when it throws, or gives no number.
 */
export async function tryScorer(scorer: OwnScorer, questions: readonly Question[]): Promise<string[]> {
  const names = new Set<string>();
  for (const question of questions) {
    if (!question.isGenerated) continue;
    const values = await scoreOne(scorer, question, question.references[0] ?? "");
    for (const name of Object.keys(values)) names.add(name);
  }
  const taken = [...names].filter((name) => FRACTIONS.has(name) || LOSSES.has(name));
  if (taken.length > 0) throw nameTaken(scorer, taken);
  return [...names];
}

const nameTaken = ({ place }: OwnScorer, taken: readonly string[]) =>
  new AttuneError({
    code: "evaluation.scorer-name",
    place,
    problem: `${taken.join(", ")}: attune has a score of this name`,
    wayOut: "Give yours another name",
  });

/**
 * Scores all answers. One that the function can't score is left out of its scores: the answers are not lost for it.
 * @returns what went wrong, if anything did.
 */
export async function scoreOwn(
  scorer: OwnScorer,
  questions: readonly Question[],
  results: readonly Result[],
): Promise<string[]> {
  const faults: string[] = [];
  for (const [i, result] of results.entries()) {
    if (result.answer === undefined) continue;
    try {
      result.own = await scoreOne(scorer, questions[i]!, result.answer);
    } catch (error) {
      faults.push((error as Error).message);
    }
  }
  if (faults.length === 0) return [];
  return [
    `${faults.length} of ${results.length} answers are left out of its scores; the first: ${faults[0]}`,
  ];
}

async function scoreOne({ place, score }: OwnScorer, question: Question, answer: string) {
  const { task, prompt, references } = question;
  const row: ScoredRow = { task, question: questionText(prompt), prompt: prompt!, references };
  const at = `${place}, on ${describeOrigin(question.origin)}`;
  const value = await attempt(at, () => score(answer, row));
  const named =
    typeof value === "object" && value !== null ? Object.entries(value) : [[UNNAMED, value] as const];
  return Object.fromEntries(named.map(([name, one]) => [name, requireNumber(one, `${at}: ${name}`)]));
}

async function attempt<T>(place: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new AttuneError(
      {
        code: "evaluation.scorer-failed",
        place,
        problem: `it threw ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
        wayOut:
          "Correct the function, which is called with an answer and { task, question, prompt, references }",
      },
      { cause: error },
    );
  }
}

function requireNumber(value: unknown, place: string): number {
  const number = typeof value === "boolean" ? Number(value) : value;
  if (typeof number === "number" && Number.isFinite(number)) return number;
  throw new AttuneError({
    code: "evaluation.scorer-value",
    place,
    expected: "a number, or true or false",
    got: String(value),
  });
}
