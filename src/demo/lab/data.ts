import { join } from "node:path";
import { readDataset } from "../../data/formats/read_dataset.ts";
import { exampleTexts } from "../../data/texts.ts";
import { writeFileAtomic } from "../../files/atomic.ts";
import { ifThere, readTextFile } from "../../files/json_file.ts";
import { AttuneError } from "../../text/errors.ts";
import { type InstructionRow, instructionSet } from "../instructions.ts";
import { pretrainingText } from "../pretraining_text.ts";
import { DEMO_TASKS } from "../tasks/index.ts";
import { MANY_TASKS, ROWS, SINGLE_TASK } from "./settings.ts";

/** The files of one seed. */
export interface SeedData {
  /** Instructions of one kind of task, and of many. */
  single: string;
  many: string;
  /** Held-out questions of all kinds, in phrasings that are trained, and in others. */
  questions: string;
  unseen: string;
  /** Pretraining text that the base never saw. */
  old: string;
}

/** Chinese text, to learn from and held out. */
export interface ChineseData {
  learned: string;
  heldOut: string;
}

/** Writes the seed's data, all made from the seed. */
export async function writeSeedData(directory: string, seed: number): Promise<SeedData> {
  const at = (name: string) => join(directory, name);
  const files: SeedData = {
    single: at("single.json"),
    many: at("many.json"),
    questions: at("questions.json"),
    unseen: at("unseen.json"),
    old: at("old.jsonl"),
  };
  const rows = (names: readonly string[]) =>
    instructionSet({ seed, perTask: ROWS.train, split: "train", tasks: tasksOf(names) });
  const asked = { seed, perTask: ROWS.questions, split: "heldOut", tasks: DEMO_TASKS } as const;
  await writeOnce(files.single, jsonRows(rows([SINGLE_TASK])));
  await writeOnce(files.many, jsonRows(rows(MANY_TASKS)));
  await writeOnce(files.questions, jsonRows(instructionSet(asked)));
  await writeOnce(files.unseen, jsonRows(instructionSet({ ...asked, unseenPhrasings: true })));
  await writeOnce(files.old, textRows(oldTexts(seed)));
  return files;
}

/** Reads rows or text of any format, and holds some of it out. */
export async function writeChineseData(directory: string, path: string): Promise<ChineseData> {
  const files = {
    learned: join(directory, "chinese.jsonl"),
    heldOut: join(directory, "chinese_held_out.jsonl"),
  };
  const texts: string[] = [];
  for await (const example of readDataset({ path }))
    if (example.kind !== "unusable") texts.push(exampleTexts(example).join("\n"));
  const isHeldOut = (i: number) => i % ROWS.chineseHeldOut === ROWS.chineseHeldOut - 1;
  const parts = (wanted: boolean) =>
    texts.filter((_, i) => isHeldOut(i) === wanted).flatMap((text) => cutText(text, ROWS.chineseCharacters));
  const [learned, heldOut] = [parts(false), parts(true).slice(0, ROWS.chineseMeasured)];
  if (learned.length === 0 || heldOut.length === 0)
    throw new AttuneError({
      code: "demo.too-few-texts",
      place: path,
      problem: `it has ${texts.length} texts: too few to learn from and to hold some out`,
      wayOut: `Give at least ${ROWS.chineseHeldOut} rows of Chinese`,
    });
  await writeOnce(files.learned, textRows(learned));
  await writeOnce(files.heldOut, textRows(heldOut));
  return files;
}

const tasksOf = (names: readonly string[]) => DEMO_TASKS.filter(({ name }) => names.includes(name));

/** From this document on pretraining text is of all kinds. */
export const MIXED_FROM = 12_000;
const OTHER_SEEDS = 1000; // the base was pretrained on seed 1

function oldTexts(seed: number): string[] {
  const documents = MIXED_FROM + ROWS.oldDocuments;
  return [...pretrainingText({ seed: OTHER_SEEDS + seed, documents })].slice(MIXED_FROM);
}

/** Parts of at most so many characters; a short rest is left out. */
export function cutText(text: string, most: number): string[] {
  const characters = Array.from(text);
  const count = Math.ceil(characters.length / most);
  const parts = Array.from({ length: count }, (_, i) => characters.slice(i * most, (i + 1) * most).join(""));
  return parts.filter((part) => part.trim().length >= SHORTEST);
}

const SHORTEST = 20; // characters

const jsonRows = (rows: readonly InstructionRow[]) => `${JSON.stringify(rows, null, 1)}\n`;
const textRows = (texts: readonly string[]) => texts.map((text) => `${JSON.stringify({ text })}\n`).join("");

/** A lab that goes on has the data that it began with. */
export async function writeOnce(path: string, content: string): Promise<void> {
  const there = await ifThere(readTextFile(path));
  if (there === content) return;
  if (there === undefined) return writeFileAtomic(path, content);
  throw new AttuneError({
    code: "demo.other-lab",
    place: path,
    problem: "it is of a lab with other data or settings",
    wayOut: "Choose another --out, or remove the directory",
  });
}
