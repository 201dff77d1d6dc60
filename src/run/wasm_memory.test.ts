import { expect, test } from "vitest";
import { loadModel, train } from "../browser.ts";
import type { Base } from "../pretrained/base_of.ts";
import { fitsWidened } from "./wasm_memory.ts";

const GIB = 2 ** 30;
const baseOf = (dtype: string, ...sizes: number[]) =>
  ({
    directory: {
      path: "m",
      tensors: new Map(sizes.map((byteLength, i) => [`w${i}`, { dtype, byteLength }])),
    },
  }) as unknown as Base;

test("weights that WASM can't hold are refused before anything is opened", async () => {
  const refused = { code: "run.too-large-for-wasm", message: expect.stringMatching(/^m: .*4\.0 GiB/) };
  const large = baseOf("BF16", 2 * GIB, 2 * GIB);
  await expect(loadModel(large)).rejects.toMatchObject(refused);
  await expect(train(large, { data: [{ rows: [] }] }).next()).rejects.toMatchObject(refused);
});

test("16-bit weights are widened for good where three times their size leaves room for all else", () => {
  expect(fitsWidened(baseOf("BF16", GIB / 2))).toBe(true);
  expect(fitsWidened(baseOf("BF16", GIB))).toBe(false);
  expect(fitsWidened(baseOf("F32", GIB))).toBe(true);
});
