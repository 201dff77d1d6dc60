import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  readSafetensorsHeader,
  readTensor,
  readTensorBytes,
  type TensorEntry,
} from "../checkpoints/safetensors.ts";
import type { Values } from "./evaluate.ts";

/** Absolute path of something under goldens/. */
export const goldenPath = (path: string) => fileURLToPath(new URL(`../../goldens/${path}`, import.meta.url));

/** All tensors of a golden model directory, by name, where they lie. */
export async function goldenTensorEntries(path: string): Promise<Map<string, TensorEntry>> {
  const files = readdirSync(path).filter((file) => /^model.*\.safetensors$/.test(file));
  const headers = await Promise.all(files.map((file) => readSafetensorsHeader(`${path}/${file}`)));
  return new Map(headers.flatMap(({ tensors }) => [...tensors]));
}

/** A golden safetensors file, read whole: float32 and int64 tensors. */
export async function readGoldenTensors(path: string): Promise<Record<string, Values>> {
  const { tensors } = await readSafetensorsHeader(path);
  const entries = [...tensors.values()].map(
    async (t) => [t.name, { shape: t.shape, data: await numbers(t) }] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

async function numbers(entry: TensorEntry): Promise<number[]> {
  if (entry.dtype !== "I64") return Array.from(await readTensor(entry));
  const bytes = await readTensorBytes(entry);
  return Array.from(new BigInt64Array(bytes.slice().buffer), Number);
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
