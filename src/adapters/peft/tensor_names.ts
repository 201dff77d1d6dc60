/** How PEFT names the tensors of adapter_model.safetensors, and how others write the same names. */

export const PREFIX = "base_model.model.";

/** What torch.compile, FSDP and activation checkpointing put between the parts of a name. */
const WRAPPERS = new Set(["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"]);

/** Where the adapter's own name may stand, which PEFT leaves out: a matrix's is before `weight`, others' at the end. */
const NAMED: readonly [RegExp, string][] = [
  [/^(.+\.lora_[AB])(?:\.([^.]+))?(\.weight|\.bias)$/, "$1$3"],
  [/^(.+\.lora_magnitude_vector)(?:\.(?!weight$)([^.]+))?(?:\.weight)?$/, "$1"],
  [/^(.+\.(?:lora_embedding_[AB]|ia3_l|vera_lambda_[bd]|trainable_tokens_delta))(?:\.([^.]+))?$/, "$1"],
  [/^(base_model\.vera_[AB])(?:\.([^.]+))?$/, "$1"],
];

export interface PeftName {
  /** As PEFT writes it. */
  name: string;
  /** The adapter's name that stood in it. */
  adapter?: string;
}

/** The name that PEFT would have written for `key`. */
export function peftName(key: string): PeftName {
  const bare = key
    .split(".")
    .filter((part) => !WRAPPERS.has(part))
    .join(".")
    .replace(/^(?:module\.)?(?:base_model\.model\.)+/, PREFIX);
  for (const [pattern, spelling] of NAMED) {
    const match = pattern.exec(bare);
    if (match) return { name: bare.replace(pattern, spelling), adapter: match[2] };
  }
  return { name: bare };
}

/** a.b.bias -> a.b.base_layer.bias */
export const baseLayer = (name: string) => name.replace(/\.([^.]+)$/, ".base_layer.$1");

/** The parameter of the base that a name in the file means: of a layer that PEFT wraps, the layer inside. */
export const ofBase = (name: string): string =>
  name.replace(PREFIX, "").replace(/\.(?:token_adapter\.base_layer|base_layer|original_module)(?=\.)/, "");
