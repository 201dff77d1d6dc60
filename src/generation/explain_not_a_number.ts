import type { TensorEntry } from "../files/safetensors.ts";
import { spoiledWeight } from "../pretrained/finite_weights.ts";
import { AttuneError } from "../text/errors.ts";
import { NOT_A_NUMBER } from "./sample.ts";

/** What is at fault when a model's output is not a number: the first weight that isn't one, else the computation. */
export async function explainNotANumber(tensors: ReadonlyMap<string, TensorEntry>): Promise<AttuneError> {
  const spoiled = await spoiledWeight(tensors.values());
  if (spoiled) return spoiled;
  return new AttuneError({
    code: NOT_A_NUMBER,
    problem:
      "the model's output is not a number, although all of its own weights are: a value grew beyond what float32 holds",
    wayOut:
      "Use it without its adapter, if it has one; if that answers, the adapter was trained at too high a rate",
  });
}
