import type { Result } from "../evaluation/measure.ts";
import { gatherTexts, type Ranks } from "../training/ranks.ts";
import type { QuestionSet } from "./held_out_questions.ts";

/** Each rank asks every n-th question; all get all results. */
export async function measureShared(
  { questions, tokenized }: QuestionSet,
  ranks: Ranks,
  ask: (set: QuestionSet) => Promise<Result[]>,
): Promise<Result[]> {
  const placesOf = (rank: number) => [...questions.keys()].filter((i) => i % ranks.size === rank);
  const own = placesOf(ranks.rank);
  const answered = await ask({
    questions: own.map((i) => questions[i]!),
    tokenized: own.map((i) => tokenized[i]!),
  });
  const results: Result[] = [];
  for (const [rank, text] of (await gatherTexts(ranks, JSON.stringify(answered))).entries())
    for (const [k, i] of placesOf(rank).entries()) results[i] = (JSON.parse(text) as Result[])[k]!;
  return results;
}
