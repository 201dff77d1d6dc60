import { join } from "node:path";
import { readDataset } from "../../data/formats/read_dataset.ts";
import { exampleTexts } from "../../data/texts.ts";
import { extendVocabulary } from "../../export/extend_vocabulary.ts";
import { writeFileAtomic } from "../../files/atomic.ts";
import { ifThere, readJsonObject } from "../../files/json_file.ts";
import { openBase } from "../../pretrained/base.ts";
import { train } from "../../run/train.ts";
import type { TrainEvent } from "../../training/events.ts";
import { parseRecipe, type Recipe, type RecipeInput } from "../../training/recipe.ts";
import { instructionSet } from "../instructions.ts";
import { pretrainingText } from "../pretraining_text.ts";
import { DEMO_TASKS } from "../tasks/index.ts";
import {
  type ChineseData,
  MIXED_FROM,
  type SeedData,
  writeChineseData,
  writeOnce,
  writeSeedData,
} from "./data.ts";
import { type Asked, examine, type Findings, type LabModel } from "./examine.ts";
import { type LabRun, NEW_TOKENS, SETTINGS } from "./settings.ts";

/** What is measured: a run of the lab, the base before any, or the vocabularies. */
export type LabPart = LabRun | "base" | "vocabulary";

export interface LabOptions {
  /** The embedded model's directory. */
  base: string;
  output: string;
  seeds: number;
  /** Parts that the wanted claims need. */
  parts: readonly LabPart[];
  /** Rows or text of Chinese; what needs it is left out without. */
  chinese?: string;
  /** A budget in place of the recipes' own, for tests. */
  training?: { maxSteps: number };
  threads?: number;
  signal?: AbortSignal;
}

/** A part of one seed: its figures row by row. */
export interface PartResult extends Findings {
  part: LabPart;
  seed: number;
  /** Of a run: parameters that were trained, and seconds of training and measuring. */
  trainedParameters?: number;
  seconds: number;
}

export type LabEvent =
  | { type: "part"; part: LabPart; seed: number; recipe?: Recipe; work: "run" | "nothing" }
  | TrainEvent;

/** Parts that have the same result for every seed. */
const ONCE: readonly LabPart[] = ["vocabulary"];

/**
 * Runs all parts of all seeds; those that an earlier start finished are not run again.
 * @returns the results; undefined when it was stopped
 */
export async function* runLab(options: LabOptions): AsyncGenerator<LabEvent, PartResult[] | undefined> {
  const { output, seeds, signal } = options;
  const chinese = options.chinese === undefined ? undefined : await chineseOf(options, options.chinese);
  const results: PartResult[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const data = await writeSeedData(join(output, `seed-${seed}`), seed);
    for (const part of options.parts) {
      if (needsChinese(part) && !chinese) continue;
      if (ONCE.includes(part) && seed > 1) continue;
      const result = yield* runPart(part, { seed, data, chinese, options });
      if (!result || signal?.aborted) return undefined;
      results.push(result);
    }
  }
  return results;
}

export const needsChinese = (part: LabPart): boolean => part.startsWith("chinese-") || part === "vocabulary";

/** What the base reads, pretraining text and instructions: its encoding must stay, some of it is Chinese. */
function keptTexts(): string[] {
  const documents = [...pretrainingText({ seed: 1, documents: KEPT_UNTIL })].slice(MIXED_FROM);
  const rows = instructionSet({ seed: 0, perTask: 100, split: "train", tasks: DEMO_TASKS });
  return [
    ...documents,
    ...rows.flatMap(({ instruction, input = "", output }) => [instruction, input, output]),
  ];
}

const KEPT_UNTIL = 16_000; // documents

interface ChineseLab extends ChineseData {
  /** The base with more tokens. */
  extended: string;
}

interface PartContext {
  seed: number;
  data: SeedData;
  chinese?: ChineseLab;
  options: LabOptions;
}

async function chineseOf({ base, output }: LabOptions, path: string): Promise<ChineseLab> {
  const data = await writeChineseData(output, path);
  const extended = join(output, "extended");
  const isThere = await ifThere(readJsonObject(join(extended, "config.json"))); // written whole or not at all
  if (!isThere)
    await extendVocabulary({
      model: base,
      output: extended,
      texts: await textsOf(data.learned),
      size: NEW_TOKENS,
      keep: keptTexts(),
    });
  return { ...data, extended };
}

async function* runPart(
  part: LabPart,
  context: PartContext,
): AsyncGenerator<LabEvent, PartResult | undefined> {
  const { seed, options } = context;
  const directory = join(options.output, ONCE.includes(part) ? "" : `seed-${seed}`);
  const file = join(directory, `${part}.json`);
  const isRun = part !== "base" && part !== "vocabulary";
  const recipe = isRun ? runRecipe(part, directory, context) : undefined;
  if (recipe) await writeOnce(join(directory, `${part}.recipe.json`), `${JSON.stringify(recipe, null, 1)}\n`);
  const there = (await ifThere(readJsonObject(file))) as PartResult | undefined;
  const parsed = recipe && parseRecipe(recipe);
  yield { type: "part", part, seed, recipe: parsed, work: there ? "nothing" : "run" };
  if (there) return there;
  const began = performance.now();
  let trainedParameters: number | undefined;
  if (recipe) {
    for await (const event of train(recipe, options)) {
      if (event.type === "start") trainedParameters = event.trainedParameters;
      yield event;
    }
    if (options.signal?.aborted) return undefined;
  }
  const findings =
    part === "vocabulary"
      ? await compareVocabularies(context)
      : await examine(modelOf(context, recipe), askedOf(part, context), options);
  const seconds = (performance.now() - began) / 1000;
  const result: PartResult = { part, seed, trainedParameters, seconds, ...findings };
  await writeFileAtomic(file, `${JSON.stringify(result)}\n`);
  return result;
}

function runRecipe(
  run: LabRun,
  directory: string,
  { seed, data, chinese, options }: PartContext,
): RecipeInput {
  const path = needsChinese(run) ? chinese!.learned : run === "single-task" ? data.single : data.many;
  const model = run === "chinese-extended" ? chinese!.extended : options.base;
  const { training, ...settings } = SETTINGS[run];
  return {
    ...settings,
    training: { ...training, ...budgetOf(training, options) },
    model,
    data: [{ path }],
    seed,
    output: join(directory, run),
  };
}

const budgetOf = (training: RecipeInput["training"], { training: own }: LabOptions) =>
  own && { ...(training?.epochs && { epochs: undefined }), ...own };

function modelOf({ options }: PartContext, recipe: RecipeInput | undefined): LabModel {
  if (!recipe) return { model: options.base };
  const { model, adapter, output } = recipe;
  return adapter ? { model, adapter: join(output, "adapter") } : { model: join(output, "model") };
}

function askedOf(part: LabPart, { data, chinese }: PartContext): Asked {
  if (needsChinese(part)) return { texts: { chinese: chinese!.heldOut } };
  return { questions: { seen: data.questions, unseen: data.unseen }, texts: { old: data.old } };
}

/** Tokens of held-out Chinese in either vocabulary, and old texts that are encoded in another way than before. */
async function compareVocabularies({ data, chinese, options }: PartContext): Promise<Findings> {
  const [old, now] = [await openBase(options.base), await openBase(chinese!.extended)];
  const encode = ({ tokenizer }: typeof old, text: string) => tokenizer.encode(text).ids;
  const heldOut = await textsOf(chinese!.heldOut);
  const kept = [...(await textsOf(data.old)), ...(await textsOf(data.many))];
  const spelled = (base: typeof old): [number, number, number][] =>
    heldOut.map((text) => [0, encode(base, text).length, Array.from(text).length]);
  return {
    answers: {
      kept: kept.map((text) => ["old text", Number(`${encode(old, text)}` === `${encode(now, text)}`)]),
    },
    texts: { old: spelled(old), extended: spelled(now) },
  };
}

async function textsOf(path: string): Promise<string[]> {
  const texts: string[] = [];
  for await (const example of readDataset({ path }))
    if (example.kind !== "unusable") texts.push(...exampleTexts(example));
  return texts;
}
