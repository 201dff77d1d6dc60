import { describe, expect, test } from "vitest";
import { readTensor, readTensorBytes } from "../../files/safetensors.ts";
import { readSafetensorsHeader } from "../../files/safetensors_file.ts";
import { goldenPath } from "../../testing/goldens.ts";
import { float32 } from "../numbers.ts";
import { decode, encode } from "./encode.ts";

const { tensors } = await readSafetensorsHeader(goldenPath("gguf/blocks.safetensors"));
const values = await readTensor(tensors.get("values")!);
const shape = tensors.get("values")!.shape;

describe.each(["F16", "BF16", "Q8_0", "Q4_0"] as const)("%s", (type) => {
  test("is what gguf-py makes, byte for byte", async () => {
    const bytes = encode(float32(values), type, { name: "values", shape, start: 0 });
    expect(Buffer.from(bytes).equals(Buffer.from(await readTensorBytes(tensors.get(type)!)))).toBe(true);
  });

  test("codes stand for values near their own", async () => {
    const back = decode(await readTensorBytes(tensors.get(type)!), type);
    const share = { F16: 2 ** -11, BF16: 2 ** -8, Q8_0: 0.5 / 127 + 2 ** -10, Q4_0: 1 / 8 + 2 ** -10 }[type];
    for (let from = 0; from < values.length; from += 32) {
      const block = Array.from(values.subarray(from, from + 32));
      const largest = Math.max(...block.map(Math.abs));
      for (const [i, value] of block.entries())
        expect(Math.abs(back[from + i]! - value)).toBeLessThanOrEqual(share * largest + 1e-5);
    }
  });
});

test("bfloat16 to float16, by eights and one by one, is as by float32", () => {
  const all = Uint16Array.from({ length: 1 << 16 }, (_, bits) => bits);
  const finite = all.filter((bits) => (bits & 0x7fff) < 0x4780);
  const place = { name: "all", shape: [finite.length], start: 0 };
  const values = decode(new Uint8Array(finite.buffer), "BF16");
  const expected = Buffer.from(encode(float32(values), "F16", place));
  for (const data of [finite, new Uint16Array([0, ...finite]).subarray(1)]) {
    const bytes = Buffer.from(encode({ dtype: "BF16", data }, "F16", place));
    expect(bytes.equals(expected)).toBe(true);
  }
});

describe("numbers that a type can't hold are named", () => {
  const wrong = (type: Parameters<typeof encode>[1], ...row: number[]) => {
    const data = Float32Array.from({ length: 64 }, (_, i) => row[i - 33] ?? 1);
    expect(() => encode(float32(data), type, { name: "blk.0.x", shape: [4, 64], start: 64 })).toThrow(
      /^blk\.0\.x: is (-?[\d.e+]+|NaN|-?Infinity) at \[1, 33\], and /,
    );
  };
  test.each([
    ["F16", 70_000],
    ["F16", Number.NaN],
    ["BF16", 3.4e38],
    ["F32", Number.NEGATIVE_INFINITY],
    ["Q8_0", Number.NaN],
    ["Q8_0", 9e6],
    ["Q4_0", -6e5],
  ] as const)("%s of %d", (type, value) => wrong(type, value));

  test("and what rounds to the largest is not", () => {
    const row = float32(Float32Array.of(65_519));
    expect(decode(encode(row, "F16", { name: "x", shape: [1], start: 0 }), "F16")[0]).toBe(65_504);
  });
});
