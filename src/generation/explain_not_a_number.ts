import { readTensor, type TensorEntry } from "../files/safetensors.ts";
import { AttuneError } from "../text/errors.ts";
import { NOT_A_NUMBER } from "./sample.ts";

/** What is at fault when a model's output is not a number: the first weight that isn't one, else the computation. */
export async function explainNotANumber(tensors: ReadonlyMap<string, TensorEntry>): Promise<AttuneError> {
  const problem = "the model's output is not a number";
  for (const entry of tensors.values()) {
    const value = await firstNonFinite(entry);
    if (value === undefined) continue;
    return new AttuneError({
      code: NOT_A_NUMBER,
      place: `${entry.file}: ${entry.name}`,
      problem: `holds ${value}, so ${problem}`,
      wayOut: "Fetch the model again, or make it again",
    });
  }
  return new AttuneError({
    code: NOT_A_NUMBER,
    problem: `${problem}, although all of its own weights are: a value grew beyond what float32 holds`,
    wayOut:
      "Use it without its adapter, if it has one; if that answers, the adapter was trained at too high a rate",
  });
}

const FLOATS = ["F32", "F16", "BF16"];

async function firstNonFinite(entry: TensorEntry): Promise<number | undefined> {
  if (!FLOATS.includes(entry.dtype)) return undefined;
  return (await readTensor(entry)).find((value) => !Number.isFinite(value));
}
