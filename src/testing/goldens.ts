import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readTensorBytes, type TensorEntry } from "../files/safetensors.ts";
import { readSafetensorsHeader } from "../files/safetensors_file.ts";
import type { DType } from "../graph/tensor.ts";
import { familyNames } from "../models/checkpoint_names.ts";
import { familyOf } from "../models/families.ts";
import type { Values } from "./evaluate.ts";

/** Absolute path of something under goldens/, named from there or, as the golden files do it, from the project's root. */
export const goldenPath = (path: string) =>
  fileURLToPath(new URL(`../../goldens/${path.replace(/^goldens\//, "")}`, import.meta.url));

/** All tensors of a golden model directory, by their family's names, where they lie. */
export async function goldenTensorEntries(path: string): Promise<Map<string, TensorEntry>> {
  const files = readdirSync(path).filter((file) => /^model.*\.safetensors$/.test(file));
  const headers = await Promise.all(files.map((file) => readSafetensorsHeader(`${path}/${file}`)));
  const { model_type } = JSON.parse(readFileSync(`${path}/config.json`, "utf8"));
  return familyNames(new Map(headers.flatMap(({ tensors }) => [...tensors])), familyOf(model_type));
}

export interface GoldenTensor extends Values {
  dtype: DType;
}

/** A golden safetensors file, read whole, in its own order. */
export async function readGoldenMap(path: string): Promise<Map<string, GoldenTensor>> {
  const { tensors } = await readSafetensorsHeader(path);
  const read = async (t: TensorEntry) => [t.name, await goldenTensor(t)] as const;
  return new Map(await Promise.all([...tensors.values()].map(read)));
}

/** The same by name. */
export const readGoldenTensors = async (path: string): Promise<Record<string, GoldenTensor>> =>
  Object.fromEntries(await readGoldenMap(path));

const FORMATS: Record<string, [DType, (buffer: ArrayBuffer) => number[]]> = {
  F64: ["float64", (buffer) => Array.from(new Float64Array(buffer))],
  F32: ["float32", (buffer) => Array.from(new Float32Array(buffer))],
  I64: ["int64", (buffer) => Array.from(new BigInt64Array(buffer), Number)],
  I32: ["int32", (buffer) => Array.from(new Int32Array(buffer))],
  BOOL: ["bool", (buffer) => Array.from(new Uint8Array(buffer))],
};

async function goldenTensor(entry: TensorEntry): Promise<GoldenTensor> {
  const [dtype, numbers] = FORMATS[entry.dtype] ?? [];
  if (!dtype || !numbers) throw new Error(`goldens hold no ${entry.dtype}`);
  const bytes = new Uint8Array(await readTensorBytes(entry)); // a copy: its buffer starts at 0
  return { dtype, shape: entry.shape, data: numbers(bytes.buffer) };
}

/** Largest |a - b|. */
export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= worst)) worst = difference;
  }
  return worst;
}
