/** Other tools' adapter files hold low-rank terms of layers and nothing else. */
import type { Adapter } from "../adapters/adapter.ts";
import { kindOf } from "../adapters/kinds/kinds.ts";
import { isLora, type LoraAdapter } from "../adapters/kinds/lora.ts";
import { ofBase } from "../adapters/peft/tensor_names.ts";
import type { TensorEntry } from "../files/safetensors.ts";
import { haveSameValues } from "../files/same_values.ts";
import type { Base } from "../pretrained/base.ts";
import { isQuantized } from "../quantization/quantized_entry.ts";
import { AttuneError } from "../text/errors.ts";

/** What the file is for, and what it is made from. */
export interface Target {
  /** After "an adapter": "as GGUF". */
  form: string;
  /** The format whose export merges. */
  format: string;
  model: string;
  adapter: string;
}

/** @throws AttuneError when the adapter is more than terms on layers, with the command that merges it. */
export async function requirePlainLora(adapter: Adapter, base: Base, target: Target): Promise<LoraAdapter> {
  if (!isLora(adapter)) throw mergeOnly(`it is ${kindOf(adapter).nameOf(adapter.config)}`, target);
  if (adapter.config.useDora) throw mergeOnly("it is DoRA, which scales the base's rows", target);
  const { modules, parameters, tokens, follows } = adapter;
  const whole = [...(parameters?.keys() ?? []), ...(await replaced(adapter, base))];
  if (whole.length > 0) throw mergeOnly(`it replaces weights of the base: ${few(whole)}`, target);
  if (tokens) throw mergeOnly(`it replaces rows of ${few([...tokens.keys()])}`, target);
  const { ends, tied } = base.model;
  const parameter = [...modules].find(([, { count }]) => count !== undefined);
  if (parameter) throw mergeOnly(`it has terms on the experts of ${parameter[0]}`, target);
  const end = [ends.embedding, ends.head].find((module) => modules.has(module));
  if (tied && (end !== undefined || follows))
    throw mergeOnly(`it has a term on ${end ?? ends.head}, and the base's two ends are one weight`, target);
  return adapter;
}

/**
 * Weights of the base that the adapter's file brings in another form. PEFT writes those of an adapted end along: as long as
 * they are the base's own, nothing is replaced.
 */
async function replaced({ stored = new Map() }: Adapter, { directory, model }: Base): Promise<string[]> {
  const names: string[] = [];
  const embedding = directory.tensors.get(`${model.ends.embedding}.weight`); // the head's, too, where it is tied
  for (const [name, entry] of stored as ReadonlyMap<string, TensorEntry>) {
    const base = directory.tensors.get(ofBase(name)) ?? embedding;
    if (!base || isQuantized(base) || !(await haveSameValues(base, entry))) names.push(ofBase(name));
  }
  return names;
}

const SHOWN = 3;

const few = (names: readonly string[]) =>
  names.length > SHOWN
    ? `${names.slice(0, SHOWN).join(", ")} and ${names.length - SHOWN} more`
    : names.join(", ");

export const mergeOnly = (problem: string, { form, format, model, adapter }: Target) =>
  new AttuneError({
    code: "export.merge-only",
    place: adapter,
    problem: `an adapter ${form} holds terms of layers alone, and ${problem}`,
    wayOut: `Merge it: attune export --model ${model} --adapter ${adapter} --format ${format} --out merged${format === "gguf" ? ".gguf" : ""}`,
  });
