import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { initializeLora } from "./lora_start.ts";

const uniform = (purpose: string, index: number): number =>
  createHash("sha256").update(`${purpose}/${index}`).digest().readUInt32LE() / 2 ** 32;

const shapes = new Map([
  ["a.q_proj", { in: 100, out: 7 }],
  ["a.v_proj", { in: 400, out: 3 }],
]);

test("A is uniform over ±1/√in, B zero", () => {
  const modules = initializeLora(shapes, { r: 16 }, uniform);
  expect([...modules.keys()]).toEqual(["a.q_proj", "a.v_proj"]);
  for (const [module, { in: inputs, out }] of shapes) {
    const { A, B, ...sizes } = modules.get(module)!;
    expect(sizes).toEqual({ r: 16, in: inputs, out });
    expect(A.length).toBe(16 * inputs);
    expect(B).toEqual(new Float32Array(out * 16));
    const bound = 1 / Math.sqrt(inputs);
    expect(Math.max(...A.map(Math.abs))).toBeLessThanOrEqual(bound);
    expect(Math.min(...A)).toBeLessThan(-0.9 * bound);
    expect(Math.max(...A)).toBeGreaterThan(0.9 * bound);
  }
});

test("the ends of the range", () => {
  const at = (u: number) =>
    initializeLora(new Map([["m", { in: 4, out: 1 }]]), { r: 1 }, () => u).get("m")!.A[0];
  expect(at(0)).toBe(-0.5);
  expect(at(0.5)).toBe(0);
  expect(at(0.75)).toBe(0.25);
});

test("a module's start does not depend on the others, and differs from theirs", () => {
  const both = initializeLora(shapes, { r: 2 }, uniform);
  const alone = initializeLora(new Map([...shapes].slice(1)), { r: 2 }, uniform);
  expect(alone.get("a.v_proj")).toEqual(both.get("a.v_proj"));
  expect(both.get("a.q_proj")!.A.slice(0, 4)).not.toEqual(both.get("a.v_proj")!.A.slice(0, 4));
});
