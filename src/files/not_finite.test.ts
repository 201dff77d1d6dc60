import { expect, test } from "vitest";
import { describeNotFinite, findNotFinite } from "./not_finite.ts";
import type { Dtype, TensorSource } from "./safetensors.ts";
import { readSafetensorsHeader, writeSafetensors } from "./safetensors_file.ts";
import { temporaryDirectory } from "./testing/temporary_directory.ts";

const at = temporaryDirectory();
const file = async (...tensors: TensorSource[]) => {
  await writeSafetensors(at("a.safetensors"), tensors);
  return [...(await readSafetensorsHeader(at("a.safetensors"))).tensors.values()];
};
const tensor = (dtype: Dtype, shape: number[], bad: Record<number, number> = {}): TensorSource => ({
  name: `a ${dtype}`,
  dtype,
  shape,
  data: () => {
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
    for (let i = 0; i < data.length; i++)
      data[i] = dtype === "F16" ? (-1) ** i * 65504 : (-1) ** i * 3.3895e38;
    for (const [index, value] of Object.entries(bad)) data[Number(index)] = value;
    return data;
  },
});

const DTYPES: Dtype[] = ["F32", "F16", "BF16"];

test.each(DTYPES)("%s: the largest numbers there are, are finite", async (dtype) => {
  expect(await findNotFinite(await file(tensor(dtype, [3, 11])))).toBeUndefined();
});

test.each(
  DTYPES.flatMap((dtype) =>
    [Number.NaN, Infinity, -Infinity].flatMap((value) =>
      [0, 1, 6, 31, 32].map((index) => [dtype, value, index] as const),
    ),
  ),
)("%s: %d at %i", async (dtype, value, index) => {
  const found = await findNotFinite(await file(tensor(dtype, [3, 11], { [index]: value })));
  expect(found).toMatchObject({ index, value, entry: { name: `a ${dtype}` } });
});

test("behind the first piece that is read", async () => {
  const shape = [2, 2 ** 22 + 3];
  const found = await findNotFinite(await file(tensor("F32", shape, { [2 ** 22 + 5]: Number.NaN })));
  expect(describeNotFinite(found!)).toBe("NaN at [1, 2]");
});

test("integers are passed over", async () => {
  const bytes: TensorSource = {
    name: "a",
    dtype: "U8",
    shape: [4],
    data: () => Uint8Array.of(255, 255, 255, 255),
  };
  expect(await findNotFinite(await file(bytes))).toBeUndefined();
});
