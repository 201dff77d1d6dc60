import type { AdapterConfig } from "../adapter.ts";
import { fullmatch } from "./python_regex.ts";
import type { Sites } from "./sites.ts";
import type { TargetModules } from "./target_modules.ts";

/** Names by which PEFT knows a model's ends (utils/constants.py). */
export const END_NAMES = ["embed_tokens", "lm_head"];

type Settings = AdapterConfig & { targetModules: TargetModules };

/**
 * The settings as PEFT takes them under ensure_weight_tying (tuners/tuners_utils.py, `_check_tied_modules`): where they
 * train an end of a tied model, whole or by a term, it is the embedding, and the output layer follows.
 */
export function withTiedEnds<S extends Settings>(
  settings: S,
  { tied, embedding, head }: Pick<Sites, "tied" | "embedding" | "head">,
): { settings: S; follows?: { head: string; embedding: string } } {
  const { ensureWeightTying, modulesToSave = [], targetModules } = settings;
  if (!ensureWeightTying || !tied) return { settings };
  const isEnd = (name: string) => END_NAMES.includes(name.split(".").at(-1)!);
  const others = (names: readonly string[]) => [
    ...names.filter((name) => !isOrEndsIn(head, name)),
    embedding,
  ];
  const follows = { head, embedding };
  if (modulesToSave.some(isEnd))
    return { settings: { ...settings, modulesToSave: others(modulesToSave) }, follows };
  if (Array.isArray(targetModules))
    return targetModules.some(isEnd)
      ? { settings: { ...settings, targetModules: others(targetModules) }, follows }
      : { settings };
  const expression = fullmatch(targetModules);
  if (!END_NAMES.some((name) => expression.test(name))) return { settings };
  const either = `(?:${targetModules}|${embedding.replaceAll(".", "\\.")})`;
  return { settings: { ...settings, targetModules: either }, follows };
}

const isOrEndsIn = (module: string, name: string) => module === name || module.endsWith(`.${name}`);
