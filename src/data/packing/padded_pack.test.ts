import { expect, test } from "vitest";
import type { TokenSequence } from "../tokenize/token_sequence.ts";
import { makePacks } from "./pack.ts";
import { bucketOf, paddedPack } from "./padded_pack.ts";

test("buckets are few, hold what is put in, and little else", () => {
  const lengths = Array.from({ length: 4096 }, (_, i) => i + 1);
  const buckets = new Set(lengths.map(bucketOf));
  expect(buckets.size).toBeLessThanOrEqual(24);
  expect([...buckets].slice(0, 10)).toEqual([64, 128, 192, 256, 320, 384, 448, 512, 640, 768]);
  for (const length of lengths) expect(bucketOf(length)).toBeGreaterThanOrEqual(length);
  for (const length of lengths.slice(256)) expect(bucketOf(length) / length).toBeLessThan(1.25);
});

test("what is added sees itself alone and predicts nothing; all else stays", () => {
  const sequence = (row: number): TokenSequence => ({
    tokens: Int32Array.from({ length: 40 }, (_, i) => (i < 10 ? 7 : row + i)),
    labelWeights: Float32Array.from({ length: 40 }, (_, i) => Number(i > 20)),
    origin: { file: "rows", row },
  });
  const [pack] = makePacks([sequence(1), sequence(100)], 512);
  const padded = paddedPack(pack!);
  const [T, S] = [pack!.tokens.length, pack!.targets.length];
  expect([T, S]).toEqual([70, 38]);
  expect([padded.tokens.length, padded.targets.length]).toEqual([128, 64]);
  for (const key of ["tokens", "positions", "ends"] as const)
    expect(padded[key].subarray(0, T)).toEqual(pack![key]);
  for (const key of ["sources", "targets"] as const) expect(padded[key].subarray(0, S)).toEqual(pack![key]);
  for (let i = T; i < 128; i++) expect([padded.positions[i], padded.ends[i]]).toEqual([0, i + 1]);
  expect(padded.uses).toBe(pack!.uses);
});
