import { createDraw } from "./draw.ts";
import { type Input, makeInput, type Target } from "./target.ts";
import { broken } from "./targets/broken.ts";
import { targets } from "./targets.ts";

/** Which input: those of one seed are always the same. */
export interface Work {
  target: string;
  seed: number;
}

const valid = new Map<Target, Promise<Input[]>>();

export async function makeInputOf({ target: name, seed }: Work): Promise<{ target: Target; input: Input }> {
  const target = [...targets, ...broken].find((target) => target.name === name);
  if (!target) throw new Error(`no target ${name}; there are ${targets.map(({ name }) => name).join(", ")}`);
  if (!valid.has(target)) valid.set(target, target.valid());
  return { target, input: makeInput(target, await valid.get(target)!, createDraw(name, seed)) };
}
