/** How PEFT names the tensors of adapter_model.safetensors, and how others write the same names. */

export const PREFIX = "base_model.model.";

/** What torch.compile, FSDP and activation checkpointing put between the parts of a name. */
const WRAPPERS = new Set(["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"]);

export interface PeftName {
  /** As PEFT writes it. */
  name: string;
  /** The adapter's name that stood in it. */
  adapter?: string;
}

/**
 * How PEFT spells a name that ends in one of `parts`, with which a module's name goes on: `lora_A.weight`. Others write the
 * adapter's own name in the middle, `lora_A.default.weight`, or behind, and `.weight` where PEFT has none.
 */
export function peftSpelling(parts: readonly string[]): (key: string) => PeftName {
  const spellings = parts.map((part) => {
    const stem = part.replace(/\.weight$/, "");
    const end = stem === part ? "(?:\\.weight)?" : "\\.weight";
    const name = "(?:\\.(?!weight$)([^.]+))?";
    return { part, pattern: new RegExp(`^(.+\\.)${stem.replaceAll(".", "\\.")}${name}${end}$`) };
  });
  return (key) => {
    const bare = unwrapped(key);
    for (const { part, pattern } of spellings) {
      const match = pattern.exec(bare);
      if (match) return { name: match[1] + part, adapter: match[2] };
    }
    return { name: bare };
  };
}

const unwrapped = (key: string): string =>
  key
    .split(".")
    .filter((part) => !WRAPPERS.has(part))
    .join(".")
    .replace(/^(?:module\.)?(?:base_model\.model\.)+/, PREFIX);

/** a.b.bias -> a.b.base_layer.bias */
export const baseLayer = (name: string) => name.replace(/\.([^.]+)$/, ".base_layer.$1");

/** The parameter of the base that a name in the file means: of a layer that PEFT wraps, the layer inside. */
export const ofBase = (name: string): string =>
  name.replace(PREFIX, "").replace(/\.(?:token_adapter\.base_layer|base_layer|original_module)(?=\.)/, "");
