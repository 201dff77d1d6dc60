import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Evaluation } from "../evaluation/evaluation.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import type { EvaluationEvent, TrainEvent } from "../training/events.ts";
import type { RecipeInput } from "../training/recipe.ts";
import { evaluate } from "./evaluate.ts";
import { isStep, messageOf, readMetrics, runToEnd, smallRecipe } from "./testing/runs.ts";

const path = temporaryDirectory();
const writeRows = (file: string, rows: readonly object[]) => {
  writeFileSync(file, rows.map((row) => JSON.stringify(row)).join("\n"));
  return file;
};
const write = (name: string, rows: readonly object[]) => writeRows(path(name), rows);
const row = (task: string, i: number) => ({
  instruction: `${task} number ${i}`,
  output: `answer ${i}`,
  task,
});
const rows = (task: string, count: number) => Array.from({ length: count }, (_, i) => row(task, i));

describe("a run", () => {
  const directory = mkdtempSync(join(tmpdir(), "attune-evaluate-"));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const path = (name: string) => join(directory, name);
  let recipe: RecipeInput;
  let events: Awaited<ReturnType<typeof runToEnd>>;
  let evaluation: Evaluation;
  beforeAll(async () => {
    const data = writeRows(path("mixed.jsonl"), [
      ...rows("count", 12),
      ...rows("name", 12),
      ...rows("sing", 6),
    ]);
    recipe = smallRecipe(path("run"), {
      data: [{ path: data }],
      evaluation: {
        fraction: 0.25,
        clusters: ["sing"],
        every: 3,
        generate: 4,
        maxTokens: 6,
        forgetting: [
          { path: writeRows(path("old.jsonl"), [{ text: "An earlier text." }]), cluster: "earlier" },
        ],
      },
      training: { maxSteps: 3 },
    });
    events = await runToEnd(recipe);
    evaluation = await evaluate(recipe, {
      tuned: { adapter: path("run/adapter") },
      threads: 1,
    });
  });
  const evaluations = () => events.filter((event): event is EvaluationEvent => event.type === "evaluation");

  test("has the held-out loss that training had, before and after", () => {
    const [first, last] = [evaluations()[0]!, evaluations().at(-1)!];
    expect(Math.abs(evaluation.base.loss!.value / first.evalLoss - 1)).toBeLessThan(1e-5);
    expect(Math.abs(evaluation.tuned!.loss!.value / last.evalLoss - 1)).toBeLessThan(1e-5);
    expect(last.evalLoss).toBeLessThan(first.evalLoss);
    expect(evaluation.difference!.loss!.value).toBeCloseTo(
      evaluation.tuned!.loss!.value - evaluation.base.loss!.value,
      12,
    );
    expect(evaluation.difference!.loss!.p).toBeLessThan(0.05);
  });

  test("holds clusters out whole: none of their rows is trained, all are asked", () => {
    const start = events.find((event) => event.type === "start")!;
    expect(start).toMatchObject({ examples: 18, evaluationExamples: 6 + 6 });
    expect(evaluation.tasks.sing!.rows).toBe(6);
    expect(evaluation.clusters!.heldOut.rows).toBe(6);
    expect(evaluation.clusters!.trained!.rows).toBe(6);
    expect(evaluation.rows).toBe(12);
  });

  test("tells the loss on other texts", () => {
    expect(Object.keys(evaluation.forgetting!)).toEqual(["earlier"]);
    const { base, tuned, difference } = evaluation.forgetting!.earlier!;
    expect(Object.keys(base)).toEqual(["loss", "perplexity", "tokenAccuracy"]);
    expect(difference!.loss!.value).toBeCloseTo(tuned!.loss!.value - base.loss!.value, 12);
  });

  test("has every score with its interval, and samples of both", () => {
    const names = ["exactMatch", "contains", "f1", "rougeL", "bleu", "chrf"];
    expect(Object.keys(evaluation.base)).toEqual(["loss", "perplexity", "tokenAccuracy", ...names]);
    for (const { value, low, high } of Object.values(evaluation.base)) {
      expect(low).toBeLessThanOrEqual(value);
      expect(high).toBeGreaterThanOrEqual(value);
    }
    expect(evaluation.samples[0]).toEqual({
      task: expect.any(String),
      file: path("mixed.jsonl"),
      row: expect.any(Number),
      question: expect.stringMatching(/number/),
      references: [expect.stringMatching(/^answer/)],
      base: expect.any(String),
      tuned: expect.any(String),
    });
  });

  test("answers held-out rows at each evaluation, the same ones", () => {
    const all = evaluations();
    expect(all.map(({ step }) => step)).toEqual([0, 3]);
    for (const { samples, metrics } of all) {
      expect(samples).toHaveLength(4);
      expect(new Set(samples!.map(({ task }) => task))).toEqual(new Set(["count", "name", "sing"]));
      expect(metrics).toHaveProperty("exactMatch");
    }
    const keys = all.map(({ samples }) => samples!.map(({ row }) => row));
    expect(keys[0]).toEqual(keys[1]);
    expect(readMetrics(path("run")).filter((line) => "eval_chrf" in line)).toHaveLength(2);
    const lines = readFileSync(path("run/samples.jsonl"), "utf8").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).step)).toEqual([0, 3]);
  });

  test("answers no more rows than are asked for", async () => {
    const few = await evaluate(recipe, { generate: 2, threads: 1 });
    expect(few.tuned).toBeNull();
    expect(few.samples).toHaveLength(2);
    expect(few.base.loss).toEqual(evaluation.base.loss);
  });
});

test("a run that was stopped goes on with the answers it would have given", async () => {
  const data = write("rows.jsonl", rows("name", 16));
  const of = (output: string) =>
    smallRecipe(path(output), {
      data: [{ path: data }],
      evaluation: { fraction: 0.25, every: 2, generate: 3, maxTokens: 3 },
      training: { maxSteps: 4, saveEvery: 1 },
    });
  await runToEnd(of("whole"));
  const stop = new AbortController();
  const see = (event: TrainEvent) => void (event.type === "step" && event.step === 3 && stop.abort());
  await runToEnd(of("stopped"), { see, signal: stop.signal });
  await runToEnd(of("stopped"));
  const samples = (output: string) => readFileSync(path(output, "samples.jsonl"), "utf8");
  expect(samples("stopped")).toBe(samples("whole"));
  expect(samples("whole").trimEnd().split("\n")).toHaveLength(3);
});

test("held-out phrasings: the same rows in each template and in others, with their spread", async () => {
  const data = write("labels.jsonl", [
    { text: "good", label: 1 },
    { text: "bad", label: 0 },
  ]);
  const phrasing = (words: string) => ({ input: `${words}: {{text}}`, output: "{{label}}" });
  const task = {
    templates: [phrasing("Say"), phrasing("Tell")],
    heldOut: [phrasing("Judge")],
    choices: ["no", "yes"],
  };
  const evaluation = { path: data, task };
  const recipe = smallRecipe(path("phrasings"), { evaluation });
  const { phrasings, base } = await evaluate(recipe, { threads: 1 });
  expect(Object.entries(phrasings!.each).map(([text, { trained, rows }]) => [text, trained, rows])).toEqual([
    ["Say: {{text}}", true, 2],
    ["Tell: {{text}}", true, 2],
    ["Judge: {{text}}", false, 2],
  ]);
  const spread = phrasings!.spread.trained!.acc!.base!;
  const values = ["Say: {{text}}", "Tell: {{text}}"].map((text) => phrasings!.each[text]!.base.acc!.value);
  expect(spread).toEqual({
    mean: (values[0]! + values[1]!) / 2,
    min: Math.min(...values),
    max: Math.max(...values),
  });
  expect(Object.keys(base)).toEqual(expect.arrayContaining(["acc", "accNorm", "labelAccuracy"]));
});

describe("what is wrong is said before a step is taken, and nothing is lost", () => {
  const good = () => write("good.jsonl", rows("name", 8));
  const scorer = (name: string, text: string) => {
    writeFileSync(path(name), text);
    return path(name);
  };
  const cases: [what: string, evaluation: () => RecipeInput["evaluation"], message: RegExp][] = [
    [
      "an evaluation file of another format",
      () => ({ path: write("other.jsonl", [{ frage: "a", antwort: "b" }]) }),
      /other\.jsonl row 1: unknown format.*frage/,
    ],
    [
      "preferences where answers are trained with another objective",
      () => ({ path: write("text.jsonl", [{ text: "raw" }]), format: "alpaca" }),
      /text\.jsonl row 1: .*instruction/,
    ],
    [
      "a right answer that is empty",
      () => ({ path: write("empty.jsonl", [row("a", 1), { instruction: "b", output: " " }]) }),
      /empty\.jsonl row 2: .*empty/,
    ],
    [
      "references that are empty",
      () => ({ path: write("references.jsonl", [{ ...row("a", 1), references: ["x", ""] }]) }),
      /references\.jsonl row 1: .*references.*empty/,
    ],
    [
      "choices that are the same tokens",
      () => ({
        path: write("alike.jsonl", [{ text: "x", label: 0 }]),
        task: {
          templates: [{ input: "Is {{text}}?", output: "{{label}}" }],
          choices: ["yes", "no", "yes"],
        },
      }),
      /alike\.jsonl row 1: .*"yes".*same tokens/,
    ],
    [
      "a scorer that throws",
      () => ({
        path: good(),
        scores: { function: scorer("throws.mjs", "export default () => { throw new Error('no luck'); }") },
      }),
      /throws\.mjs, on .*good\.jsonl row 1: it threw Error: no luck/,
    ],
    [
      "a scorer that gives no number",
      () => ({ path: good(), scores: { function: scorer("text.mjs", "export default () => 'fine'") } }),
      /text\.mjs, on .*expected a number.*fine/,
    ],
    [
      "a scorer whose name is taken",
      () => ({ path: good(), scores: { function: scorer("taken.mjs", "export default () => ({ f1: 1 })") } }),
      /taken\.mjs: f1: attune has a score of this name/,
    ],
    [
      "a module without a function",
      () => ({ path: good(), scores: { function: scorer("none.mjs", "export default 1") } }),
      /none\.mjs: expected a default export that is a function.*number/,
    ],
    [
      "a pattern that is none",
      () => ({ path: good(), scores: { pattern: "(" } }),
      /evaluation\.scores\.pattern/,
    ],
    [
      "a schema that is none",
      () => ({ path: good(), scores: { schema: scorer("schema.json", '{"type": "strng"}') } }),
      /schema\.json/,
    ],
    ["a cluster there isn't", () => ({ clusters: ["nmae"] }), /no row belongs to "nmae".*did you mean name/],
    [
      "clusters that leave nothing",
      () => ({ fraction: 0.5, clusters: ["name"] }),
      /name: all data is held out/,
    ],
    [
      "rows without right answers",
      () => ({
        path: write("ifeval.jsonl", [
          { key: 1, prompt: "x", instruction_id_list: ["punctuation:no_comma"], kwargs: [{}] },
        ]),
      }),
      /no right answers.*attune eval/,
    ],
  ];
  test.each(cases)("%s", async (_, evaluation, message) => {
    const output = path(`bad-${cases.findIndex(([, e]) => e === evaluation)}`);
    const recipe = smallRecipe(output, { data: [{ path: good() }], evaluation: evaluation() });
    const events: string[] = [];
    const text = await messageOf(
      runToEnd(recipe, { see: (event) => void (isStep(event) && events.push(event.type)) }),
    );
    expect(text.replace(/\n/g, " ")).toMatch(message);
    expect(text).toMatch(/^AttuneError/);
    expect(events).toEqual([]);
    expect(existsSync(join(output, "recipe.json"))).toBe(false);
  });

  test("a scorer that throws on some answers loses none of them", async () => {
    const name = scorer(
      "picky.mjs",
      "export default (answer, { references }) => { if (!references.includes(answer)) throw new Error('not one'); return { own: 1 }; }",
    );
    const recipe = smallRecipe(path("picky"), {
      evaluation: { path: good(), scores: { function: name }, maxTokens: 2 },
    });
    const { samples, notes, base } = await evaluate(recipe, { threads: 1 });
    expect(samples).toHaveLength(8);
    expect(notes.join()).toMatch(/8 of 8 answers.*picky\.mjs.*not one/);
    expect(base).toHaveProperty("exactMatch");
    expect(base).not.toHaveProperty("own");
  });
});
