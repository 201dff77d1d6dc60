import { concat, reshape, slice } from "../graph/ops/shape.ts";
import { constant, input } from "../graph/sources.ts";
import { sizeOf, type Tensor } from "../graph/tensor.ts";
import type { TensorData } from "../runtime/session.ts";
import type { Trainable } from "./trainable.ts";

/**
 * Trainables that are updated alike, one after the other in one block of numbers [rows, WIDTH], zeros at its end: a GPU has
 * fewer buffers to bind and fewer calls to make.
 */
export interface FlatGroup {
  readonly name: string;
  readonly rows: number;
  readonly decayed: boolean;
  readonly rate: number;
  readonly parts: readonly FlatPart[];
}

export interface FlatPart {
  readonly trainable: Trainable;
  /** Where it lies in the block. */
  readonly start: number;
  readonly end: number;
}

export const WIDTH = 1024;

/** Most numbers of a block of several trainables: 128 MiB, which any device takes in one buffer. */
const MOST = 2 ** 25;

export function flatGroups(trainables: readonly Trainable[], most = MOST): FlatGroup[] {
  const open = new Map<string, Trainable[][]>();
  for (const trainable of trainables) {
    const { decayed, rate = 1 } = trainable;
    const key = `${decayed} ${rate}`;
    const groups = open.get(key) ?? [[]];
    open.set(key, groups);
    const last = groups.at(-1)!;
    const fits = last.length === 0 || lengthOf([...last, trainable]) <= most;
    if (fits) last.push(trainable);
    else groups.push([trainable]);
  }
  return [...open.values()].flat().map((members, i) => groupOf(`trained ${i}`, members));
}

const lengthOf = (members: readonly Trainable[]) => members.reduce((n, { shape }) => n + sizeOf(shape), 0);

function groupOf(name: string, members: readonly Trainable[]): FlatGroup {
  let end = 0;
  const parts = members.map((trainable) => {
    const start = end;
    end += sizeOf(trainable.shape);
    return { trainable, start, end };
  });
  const { decayed, rate = 1 } = members[0]!;
  return { name, rows: Math.ceil(end / WIDTH), decayed, rate, parts };
}

/** The trainables of a group, by name, as parts of its block, which is fed. */
export function partsOfBlock({ name, rows, parts }: FlatGroup): [string, Tensor][] {
  const flat = reshape(input(name, [rows, WIDTH]), [rows * WIDTH]);
  return parts.map(({ trainable, start, end }) => [
    trainable.name,
    reshape(slice(flat, 0, start, end), trainable.shape),
  ]);
}

/** The block [rows, WIDTH] of tensors that have the shapes of the trainables. */
export function blockOf({ rows, parts }: FlatGroup, tensorOf: (name: string) => Tensor): Tensor {
  const flat = parts.map(({ trainable, start, end }) => reshape(tensorOf(trainable.name), [end - start]));
  const rest = rows * WIDTH - parts.at(-1)!.end;
  const whole = concat(rest > 0 ? [...flat, constant(Array(rest).fill(0), [rest])] : flat, 0);
  return reshape(whole, [rows, WIDTH]);
}

/** The block of arrays of the trainables' sizes. */
export function gathered({ rows, parts }: FlatGroup, arrayOf: (part: Trainable) => Float32Array): TensorData {
  const data = new Float32Array(rows * WIDTH);
  for (const { trainable, start } of parts) data.set(arrayOf(trainable), start);
  return { dtype: "float32", shape: [rows, WIDTH], data };
}

/** Puts the parts of a block in arrays of the trainables' sizes. */
export function spread(
  { parts }: FlatGroup,
  { data }: TensorData,
  arrayOf: (part: Trainable) => Float32Array,
): void {
  for (const { trainable, start, end } of parts)
    arrayOf(trainable).set((data as Float32Array).subarray(start, end));
}
