import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openPlan } from "../data/tokenize/tokenize_plan.ts";
import { measure } from "../evaluation/measure.ts";
import type { Question } from "../evaluation/questions/question.ts";
import { tokenizeQuestion } from "../evaluation/questions/tokenize_question.ts";
import { compare } from "../evaluation/scorecard.ts";
import { openBase } from "../pretrained/base.ts";
import { openSession } from "../runtime/node.ts";
import { goldenPath } from "../testing/goldens.ts";
import { fullMethod } from "../training/method.ts";
import { parseRecipe } from "../training/recipe.ts";
import { type OpenExaminee, openExaminee } from "./examinee.ts";
import { runPlan } from "./prepare_data.ts";

interface Golden {
  model: string;
  texts: { text: string; ids: number[] }[];
  loss: number;
  perplexity: number;
  tokenAccuracy: number;
  choices: {
    prompt: string;
    choices: string[];
    logLikelihoods: number[];
    best: number;
    bestByLength: number;
  }[];
}
const golden: Golden = JSON.parse(readFileSync(goldenPath("evaluation/likelihoods.json"), "utf8"));
const origin = { file: "golden", row: 1 };
let examinee: OpenExaminee;

beforeAll(async () => {
  const base = await openBase(golden.model);
  const recipe = parseRecipe({ model: golden.model, stage: "finetune", data: [{ path: "x" }], output: "x" });
  const tokenize = openPlan(await runPlan(recipe, base, new Date()));
  const method = fullMethod(new Map(), base.directory.tensors);
  examinee = openExaminee({
    base,
    method,
    tokenize,
    open: openSession,
    session: { device: "cpu", threads: 1 },
  });
});
afterAll(() => examinee.release());

const ask = async (questions: Question[]) => {
  const tokenized = questions.map((question) => tokenizeQuestion(question, examinee.tokenize));
  return { tokenized, results: await measure(questions, tokenized, examinee) };
};

describe("as transformers computes it", () => {
  test("loss, perplexity and token accuracy", async () => {
    const questions = golden.texts.map(({ text }): Question => {
      const example = { kind: "text", text, origin } as const;
      return { origin, task: "text", example, references: [], isGenerated: false };
    });
    const { tokenized, results } = await ask(questions);
    expect(tokenized.map(({ sequences }) => [...sequences[0]!.tokens])).toEqual(
      golden.texts.map((t) => t.ids),
    );
    const { base } = compare({ questions, base: results }, {}, 1);
    expect(Math.abs(base.loss!.value / golden.loss - 1)).toBeLessThan(1e-5);
    expect(Math.abs(base.perplexity!.value / golden.perplexity - 1)).toBeLessThan(1e-5);
    expect(golden.tokenAccuracy).toBeGreaterThan(0);
    expect(base.tokenAccuracy!.value).toBeCloseTo(golden.tokenAccuracy, 12);
  });

  test("likelihoods of choices, alone and by their length", async () => {
    const questions = golden.choices.map(
      ({ prompt, choices, best }): Question => ({
        origin,
        task: "choices",
        prompt: { kind: "text", text: prompt },
        references: [],
        choices: { texts: choices, right: best },
        isGenerated: false,
      }),
    );
    const { tokenized, results } = await ask(questions);
    const sums = await Promise.all(
      tokenized.map(async ({ choices }) => {
        const { nll } = await examinee.likelihoods(choices);
        return nll.map((values) => -values.reduce((a, b) => a + b, 0));
      }),
    );
    for (const [i, { logLikelihoods }] of golden.choices.entries())
      for (const [k, value] of logLikelihoods.entries())
        expect(Math.abs(sums[i]![k]! / value - 1), `${i} ${k}`).toBeLessThan(1e-5);
    expect(results.map(({ choice }) => choice)).toEqual(
      golden.choices.map(({ best, bestByLength }) => ({ likeliest: best, likeliestByLength: bestByLength })),
    );
    const { base } = compare({ questions, base: results }, {}, 1);
    expect(base.acc!.value).toBe(1);
  });
});

test("answers come side by side, of conversations and of plain text", async () => {
  const prompts = [
    { kind: "text", text: "The opposite of hot is" },
    { kind: "chat", messages: [{ role: "user", content: "Say it." }] },
    { kind: "text", text: "Monday comes before" },
  ] as const;
  const answers = await examinee.answers(prompts, { maxTokens: 3 });
  expect(answers).toHaveLength(3);
  const alone = await examinee.answers([prompts[2]!], { maxTokens: 3 });
  expect(answers[2]).toBe(alone[0]);
});
