import { hash32, type Random } from "./random.ts";

/** One question with its answer. Templates name its texts in braces: `{input}`, `{output}` and the task's own. */
export interface Problem {
  /** What is asked about, in the shape in which the user gives it. */
  input: string;
  output: string;
  [slot: string]: string;
}

/** A skill, and the ways to speak of it. The instructions' phrasings never occur in pretraining text. */
export interface TaskDefinition<Material> {
  name: string;
  /** Draws what a problem is made of. Tasks with the same function can share one. */
  material(random: Random): Material;
  solve(material: Material, random: Random): Problem;
  /** Instructions. What follows a line break goes into the row's `input` field. */
  phrasings: readonly string[];
  /** Instructions that training never uses. */
  unseenPhrasings: readonly string[];
  /** Pretraining text: what notes, tables and studies call the skill. */
  titles: readonly string[];
  /** Pretraining text: a problem and its answer in one sentence. `{person}` is someone's name. */
  sentences: readonly string[];
  /** Pretraining text: a fact that problems are made from, such as one word and its opposite. */
  fact?(random: Random): string;
}

/** A task whose material only the task itself looks into. */
export type DemoTask = TaskDefinition<unknown>;

export function defineTask<Material>(definition: TaskDefinition<Material>): DemoTask {
  return definition as DemoTask;
}

export type DemoSplit = "train" | "heldOut";

/** One material in eight, whatever the order of its parts, is never trained on nor pretrained on, by any task. */
export function splitOf(material: unknown): DemoSplit {
  const parts = JSON.stringify(material).match(/[\p{L}\p{N}]+/gu) ?? [];
  return hash32(parts.sort().join(" ")) % 8 === 0 ? "heldOut" : "train";
}

/** A material of the split, redrawn from the same randomness until one belongs to it. */
export function drawMaterial<Material>(
  split: DemoSplit,
  material: (random: Random) => Material,
  random: Random,
): Material {
  for (let attempt = 0; attempt < 10_000; attempt++) {
    const drawn = material(random);
    if (splitOf(drawn) === split) return drawn;
  }
  throw new Error(`${material.name} draws nothing that is ${split}`);
}

export function drawProblem(split: DemoSplit, task: DemoTask, random: Random): Problem {
  return task.solve(drawMaterial(split, task.material, random), random);
}

/** The template with its slots filled; a slot that the problem lacks is our own mistake. */
export function fill(template: string, slots: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (_, slot: string) => {
    const text = slots[slot];
    if (text === undefined) throw new Error(`no {${slot}} for the template ${JSON.stringify(template)}`);
    return text;
  });
}
