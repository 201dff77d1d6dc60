import { readFileSync } from "node:fs";
import { readTensor, readTensorBytes } from "../../../src/files/safetensors.ts";
import { readSafetensorsHeader } from "../../../src/files/safetensors_file.ts";
import { input, inRepository, onlyFile } from "../files.ts";
import { mutateHeader } from "../safetensors_header.ts";
import type { Target } from "../target.ts";

export const safetensors: Target = {
  name: "safetensors",
  valid: async () =>
    ["dtypes", "rounding"].map((name) =>
      input({ "model.safetensors": readFileSync(inRepository(`src/files/goldens/${name}.safetensors`)) }),
    ),
  mutate: mutateHeader,
  async read(directory) {
    const { tensors } = await readSafetensorsHeader(onlyFile(directory));
    for (const tensor of tensors.values())
      await (/^(F|BF)/.test(tensor.dtype) ? readTensor(tensor) : readTensorBytes(tensor));
  },
};
