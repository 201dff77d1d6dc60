import type { RunRecord } from "./run_record.ts";

/** "LoRA, r 8", "all weights": what a run trains. A recipe from a file may hold anything. */
export function methodOf({ recipe }: Pick<RunRecord, "recipe">): string {
  const adapter = objectAt(recipe, "adapter");
  const quantization = objectAt(recipe, "quantization");
  if (!adapter) {
    const layers = recipe.trainableLayers;
    return typeof layers === "number" ? `last ${layers} layers` : "all weights";
  }
  const type = String(adapter.type ?? "adapter");
  const name = NAMES[type] ?? (adapter.path === undefined ? type : "adapter");
  const rank = typeof adapter.r === "number" ? `, r ${adapter.r}` : "";
  return `${quantization ? `Q${name}` : name}${rank}`;
}

const NAMES: Record<string, string> = { lora: "LoRA", ia3: "IA3", vera: "VeRA" };

/** "sft", "dpo", … */
export const objectiveOf = ({ recipe }: Pick<RunRecord, "recipe">): string =>
  String(objectAt(recipe, "objective")?.type ?? "sft");

export function objectAt(value: Record<string, unknown>, key: string): Record<string, unknown> | undefined {
  const part = value[key];
  return typeof part === "object" && part !== null && !Array.isArray(part)
    ? (part as Record<string, unknown>)
    : undefined;
}
