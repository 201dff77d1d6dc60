import { expect, test } from "vitest";
import { readTensor, readTensorBytes } from "../../files/safetensors.ts";
import { readSafetensorsHeader } from "../../files/safetensors_file.ts";
import { goldenPath } from "../../testing/goldens.ts";
import { float32 } from "../numbers.ts";
import { decode, encode } from "./encode.ts";
import { packMxfp4 } from "./mxfp4_blocks.ts";

const { tensors } = await readSafetensorsHeader(goldenPath("mxfp4/dequantized.safetensors"));
const bitsOf = (values: Float32Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

test.each(["model.layers.0.mlp.experts.down_proj", "model.layers.1.mlp.experts.gate_up_proj"])(
  "%s as transformers dequantizes it is the same again, signs of zeros too",
  async (name) => {
    const [n, inputs, out] = tensors.get(name)!.shape as [number, number, number];
    const values = await readTensor(tensors.get(name)!);
    const turned = values.map((_, i) => {
      const [expert, at] = [Math.floor(i / (inputs * out)), i % (inputs * out)];
      return values[expert * inputs * out + (at % inputs) * out + Math.floor(at / inputs)]!;
    });
    const bytes = encode(float32(turned), "MXFP4", { name, shape: [n, out, inputs], start: 0 });
    expect(bytes.length).toBe((values.length / 32) * 17);
    expect(bitsOf(decode(bytes, "MXFP4")).equals(bitsOf(turned))).toBe(true);
  },
);

test("every code under every exponent", async () => {
  const scales = await readTensorBytes(tensors.get("extremes.scales")!);
  const values = await readTensor(tensors.get("extremes")!); // [1, 32, 255]
  const rows = Float32Array.from(
    { length: 32 * 255 },
    (_, i) => values[(i % 32) * 255 + Math.floor(i / 32)]!,
  );
  const finite = rows.subarray(0, 32 * scales.findIndex((exponent) => exponent > 252)); // 6 · 2^126 is beyond float32
  expect(bitsOf(decode(packMxfp4(finite)!, "MXFP4")).equals(bitsOf(finite.slice()))).toBe(true);
});

test("a block lies as ggml's: its exponent, then the first half's codes below the second's", () => {
  const values = new Float32Array(32);
  values[0] = 6;
  values[1] = -0.5;
  values[16] = 3;
  values[17] = -4;
  expect([...packMxfp4(values)!.subarray(0, 4)]).toEqual([127, 7 | (5 << 4), 9 | (14 << 4), 0]);
});

test("other numbers have none", () => {
  expect(packMxfp4(new Float32Array(32).fill(5))).toBeUndefined();
  expect(packMxfp4(Float32Array.from({ length: 32 }, (_, i) => (i === 0 ? 6 : 0.25)))).toBeUndefined();
});
