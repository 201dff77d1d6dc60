import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from "./float.ts";
import { readTensorBytes } from "./safetensors.ts";
import { readSafetensorsHeader } from "./safetensors_file.ts";

const every16 = Uint16Array.from({ length: 0x10000 }, (_, i) => i);

describe("against PyTorch", () => {
  const golden: Record<string, ArrayBuffer> = {};

  beforeAll(async () => {
    const { tensors } = await readSafetensorsHeader(
      fileURLToPath(new URL("goldens/rounding.safetensors", import.meta.url)),
    );
    for (const entry of tensors.values())
      golden[entry.name] = (await readTensorBytes(entry)).buffer as ArrayBuffer;
  });

  test.each([
    ["bfloat16", float32ToBfloat16, (bits: number) => (bits & 0x7fff) > 0x7f80],
    ["float16", float32ToFloat16, (bits: number) => (bits & 0x7fff) > 0x7c00],
  ])("%s rounds as PyTorch does, a NaN to some NaN", (name, convert, isNaN16) => {
    const expected = new Uint16Array(golden[name]!);
    const got = convert(new Float32Array(golden.float32!));
    expect(got.length).toBeGreaterThan(4500);
    const differing = [...got.keys()].filter(
      (i) => got[i] !== expected[i] && !(isNaN16(got[i]!) && isNaN16(expected[i]!)),
    );
    expect(differing).toEqual([]);
  });
});

describe("all 65536 bit patterns", () => {
  test.each([
    ["bfloat16", bfloat16ToFloat32, float32ToBfloat16],
    ["float16", float16ToFloat32, float32ToFloat16],
  ])("%s comes back from float32 as it went", (_, widen, narrow) => {
    const values = widen(every16);
    const back = narrow(values);
    const changed = [...every16].filter((bits) => back[bits] !== bits && !Number.isNaN(values[bits]!));
    expect(changed).toEqual([]);
  });

  test("float16 values between two neighbours go to the nearer, ties to the even one", () => {
    const finite = [...every16.subarray(0, 0x7bff)]; // positive, but the largest
    const values = float16ToFloat32(every16);
    const middles = Float32Array.from(finite, (bits) => (values[bits]! + values[bits + 1]!) / 2); // exact in float32
    const rounded = float32ToFloat16(middles);
    expect(finite.filter((bits) => rounded[bits] !== bits + (bits & 1))).toEqual([]);
  });

  test("known values", () => {
    expect([...float16ToFloat32(Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff, 0xfc00))]).toEqual([
      1,
      -2,
      2 ** -24,
      65504,
      -Infinity,
    ]);
    expect([...bfloat16ToFloat32(Uint16Array.of(0x3f80, 0xc000, 0x0001, 0xff80))]).toEqual([
      1,
      -2,
      2 ** -133,
      -Infinity,
    ]);
  });
});
