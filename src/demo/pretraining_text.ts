import { DAYS, NAMES, WORDS } from "./lexicon.ts";
import { type Random, randomAt } from "./random.ts";
import { type DemoTask, drawMaterial, drawProblem, fill } from "./task.ts";
import { TASKS } from "./tasks/index.ts";

export interface PretrainingTextOptions {
  seed: number;
  documents: number;
}

/** Documents up to these are songs only, then songs, studies and facts, then of all kinds. */
const SONGS_UNTIL = 6_000;
const EASY_UNTIL = 12_000;

/**
 * The text that the demo's base model is pretrained on: songs, studies, tables and diaries that practise the skills of
 * the tasks, without any instruction's phrasing, chat template or held-out material. It goes from easy to mixed:
 * a small model learns to copy from text that repeats, and then quickly what builds on copying. Document i depends
 * on the seed and i only.
 */
export function* pretrainingText({ seed, documents }: PretrainingTextOptions): Generator<string> {
  for (let i = 0; i < documents; i++) yield pretrainingDocument(randomAt(seed, "pretraining", i), i);
}

function pretrainingDocument(random: Random, index: number): string {
  if (index < SONGS_UNTIL) return song(random);
  const kind = random.below(20);
  if (index < EASY_UNTIL) return kind < 14 ? study(random) : kind < 17 ? song(random) : facts(random);
  if (kind < 12) return study(random);
  if (kind < 17) return table(random);
  if (kind < 18) return diary(random);
  if (kind < 19) return song(random);
  return facts(random);
}

/** The tasks by what their problems are made of. */
const FAMILIES = [...new Set(TASKS.map(({ material }) => material))].map((material) =>
  TASKS.filter((task) => task.material === material),
);

const STUDY_LAYOUTS = [
  "{title}: {output}",
  "{title} -> {output}",
  "{title}\n{output}",
  "- {title} | {output}",
];

/** One material, looked at by every task that can. */
function study(random: Random): string {
  return lines(random, 2, 3, () => {
    const task = random.pick(random.pick(FAMILIES));
    const material = drawMaterial("train", task.material, random);
    const layout = random.pick(STUDY_LAYOUTS);
    const tasks = FAMILIES.find((family) => family.includes(task))!;
    const views = random.sample([...tasks, ...tasks, ...tasks], Math.min(5, 3 * tasks.length));
    const rows = views.map((view) => {
      const problem = view.solve(material, random);
      return fill(layout, { ...problem, title: fill(random.pick(view.titles), problem) });
    });
    return [task.solve(material, random).input, ...new Set(rows), ""].join("\n");
  }).join("\n");
}

const TABLE_LAYOUTS = [
  "{title} | {input} | {output}",
  "{title}: {input} -> {output}",
  "{title}\n{input}\n{output}\n",
  "{input}\n{title}\n{output}\n",
  "{input} ({title}): {output}",
  "{title}\nGiven: {input}\nResult: {output}\n",
];

/** Solved problems of any tasks: only what stands in the row says which. */
function table(random: Random): string {
  const layout = random.pick(TABLE_LAYOUTS);
  return lines(random, 4, 8, () => {
    const task = random.pick(TASKS);
    const problem = drawProblem("train", task, random);
    return fill(layout, { ...problem, title: fill(random.pick(task.titles), problem) });
  }).join("\n");
}

/** What someone did on a day. */
function diary(random: Random): string {
  const person = random.pick(NAMES);
  const told = lines(random, 4, 8, () => {
    const task = random.pick(TASKS);
    return fill(random.pick(task.sentences), { ...drawProblem("train", task, random), person });
  });
  return [`${random.pick(DAYS)}, from the diary of ${person}`, ...told].join("\n");
}

/** Lines that come again and again, which teaches to look back and copy. */
function song(random: Random): string {
  const refrain = random.below(2) === 0;
  const verses = lines(random, 1, refrain ? 1 : 3, () => drawMaterial("train", verse, random).join(" "));
  return lines(random, 3, 7, () => random.pick(verses)).join("\n");
}

const verse = (random: Random) => random.sample(WORDS, random.between(2, 8));

const TASKS_WITH_FACTS = TASKS.filter(
  (task): task is DemoTask & Required<Pick<DemoTask, "fact">> => !!task.fact,
);

/** Single facts about the words. */
function facts(random: Random): string {
  return lines(random, 6, 14, () => random.pick(TASKS_WITH_FACTS).fact(random)).join("\n");
}

function lines(random: Random, low: number, high: number, line: () => string): string[] {
  return Array.from({ length: random.between(low, high) }, line);
}
