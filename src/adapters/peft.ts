/**
 * A LoRA adapter in memory, and its tensors' names in PEFT's files. The files themselves are read and written by
 * checkpoints/adapter_directory.ts.
 */
import { AttuneError } from "../errors.ts";
import { loraNames } from "./lora.ts";
import type { LoraConfig } from "./lora_config.ts";
import { targetMatcher } from "./target_modules.ts";

export interface LoraWeights {
  A: Float32Array; // [r, in]
  B: Float32Array; // [out, r]
  r: number;
  in: number;
  out: number;
}

export interface Adapter {
  config: LoraConfig;
  baseModel?: string;
  /** By module path in the base model: `model.layers.0.self_attn.q_proj`. */
  modules: Map<string, LoraWeights>;
}

/** The name of a module's A [r, in] or B [out, r] in adapter_model.safetensors. */
export const loraTensorName = (module: string, part: "A" | "B"): string =>
  `base_model.model.${loraNames(module)[part]}`;

/**
 * Pairs the tensors of adapter_model.safetensors into modules, by their names and shapes alone.
 * @param where the file's path
 * @throws AttuneError that names every tensor which is foreign, half of a pair, or of another shape than r says.
 */
export function pairLoraTensors<T extends { shape: readonly number[] }>(
  tensors: ReadonlyMap<string, T>,
  r: number,
  where: string,
): Map<string, { A: T; B: T; in: number; out: number }> {
  const faults: string[] = [];
  const halves = new Map<string, { A?: T; B?: T }>();
  for (const [name, tensor] of tensors) {
    const [, module, part] = /^base_model\.model\.(.+)\.lora_([AB])\.weight$/.exec(name) ?? [];
    if (module === undefined) faults.push(`${name} is no tensor of a plain LoRA adapter`);
    else halves.set(module, { ...halves.get(module), [part as "A" | "B"]: tensor });
  }
  const modules = [...halves].flatMap(([module, pair]) => {
    const fault = pairFault(module, pair, r);
    if (fault) faults.push(fault);
    const { A, B } = pair as { A: T; B: T };
    return fault ? [] : [[module, { A, B, in: A.shape[1]!, out: B.shape[0]! }] as const];
  });
  if (faults.length > 0) throw new AttuneError(`${where}: ${listed(faults)}`);
  if (modules.length === 0) throw new AttuneError(`${where}: the adapter holds no tensors.`);
  return new Map(modules);
}

function pairFault(
  module: string,
  { A, B }: { A?: { shape: readonly number[] }; B?: { shape: readonly number[] } },
  r: number,
) {
  if (!A) return `${loraTensorName(module, "A")} is missing`;
  if (!B) return `${loraTensorName(module, "B")} is missing`;
  if (A.shape.length !== 2 || A.shape[0] !== r)
    return `${loraTensorName(module, "A")} must be [${r}, in] (r is ${r}), got [${A.shape.join(", ")}]`;
  if (B.shape.length !== 2 || B.shape[1] !== r)
    return `${loraTensorName(module, "B")} must be [out, ${r}] (r is ${r}), got [${B.shape.join(", ")}]`;
}

/**
 * `linearShapes`: the base model's linear layers by module path.
 * @throws AttuneError when the adapter was made for another base: modules that the base lacks or has in another shape,
 *   or that the adapter's own target_modules mean and for which it holds no tensors, or the other way round.
 */
export function checkAdapterFits(
  adapter: Adapter,
  linearShapes: ReadonlyMap<string, { in: number; out: number }>,
): void {
  const isTargeted = targetMatcher(adapter.config.targetModules);
  const faults: string[] = [];
  for (const [module, weights] of adapter.modules) {
    const base = linearShapes.get(module);
    if (!base) faults.push(`${module}: the model has no such linear layer`);
    else if (base.in !== weights.in || base.out !== weights.out) {
      faults.push(
        `${module}: the model has [${base.out}, ${base.in}], the adapter is for [${weights.out}, ${weights.in}]`,
      );
    } else if (!isTargeted(module))
      faults.push(`${module}: the adapter has tensors for it, its target_modules leave it out`);
  }
  for (const module of linearShapes.keys()) {
    if (isTargeted(module) && !adapter.modules.has(module))
      faults.push(`${module}: the adapter's tensors are missing`);
  }
  if (faults.length === 0) return;
  const madeFor = adapter.baseModel ? ` It was made for ${adapter.baseModel}.` : "";
  throw new AttuneError(`The adapter does not fit the model: ${listed(faults)}${madeFor}`);
}

function listed(faults: string[]): string {
  const lines = faults.slice(0, 10).map((fault) => `\n  ${fault}`);
  if (faults.length > 10) lines.push(`\n  and ${faults.length - 10} more`);
  return lines.join("");
}
