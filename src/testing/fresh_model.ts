import { cpSync } from "node:fs";
import { join } from "node:path";
import { writeSafetensors } from "../files/safetensors_file.ts";
import { initializeWeights } from "../models/initialize.ts";
import { openBase } from "../pretrained/base.ts";

/** A copy of the model directory `from`, which has a config and a tokenizer alone, with random weights: `to`. */
export async function freshModel(from: string, to: string, seed = 1): Promise<string> {
  cpSync(from, to, { recursive: true });
  const { model } = await openBase(to, { weights: "optional" });
  const weights = Array.from(initializeWeights(model, seed), ([name, { shape, data }]) => ({
    name,
    dtype: "F32" as const,
    shape: [...shape],
    data: () => (shape.length > 1 ? data.map((value) => value * 8) : data), // so that tokens differ in likelihood
  }));
  await writeSafetensors(join(to, "model.safetensors"), weights);
  return to;
}
