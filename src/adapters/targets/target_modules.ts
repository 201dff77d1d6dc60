/** Which linear layers an adapter goes to, matched exactly as PEFT matches `target_modules`. */
import { AttuneError } from "../../text/errors.ts";
import { nearest } from "../../text/nearest.ts";
import type { AdapterConfig } from "../adapter.ts";
import { fullmatch } from "./python_regex.ts";

export type TargetModules = string[] | string;

/** Names under which the supported families keep their output layer, which "all-linear" leaves out. */
const OUTPUT_LAYERS = new Set(["lm_head", "embed_out"]);

/** What decides which modules get an adapter. */
export type TargetSettings = { targetModules: TargetModules } & Pick<
  AdapterConfig,
  "excludeModules" | "layersToTransform" | "layersPattern" | "modulesToSave"
>;

/**
 * Whether a module gets an adapter, as PEFT decides it: targeted, not excluded, no part of a module that is trained
 * whole, and in one of the layers to transform, which a name given in full passes by.
 */
export function adapterMatcher(settings: TargetSettings): (name: string) => boolean {
  const { targetModules, excludeModules, modulesToSave = [] } = settings;
  const isTargeted = targetMatcher(targetModules);
  const isExcluded = excludeModules === undefined ? () => false : exclusionMatcher(excludeModules);
  const isWhole = (name: string) => modulesToSave.some((saved) => `.${name}.`.includes(`.${saved}.`));
  const isInLayer = layerMatcher(settings);
  const isNamed = (name: string) => Array.isArray(targetModules) && targetModules.includes(name);
  return (name) =>
    isTargeted(name) && !isExcluded(name) && !isWhole(name) && (isNamed(name) || isInLayer(name));
}

/** Settings of layers that contradict each other. */
export function layerSettingFaults({
  targetModules,
  layersToTransform,
  layersPattern,
}: Pick<AdapterConfig, "targetModules" | "layersToTransform" | "layersPattern">): string[] {
  const faults: string[] = [];
  if (typeof targetModules === "string" && (layersToTransform !== undefined || layersPattern !== undefined))
    faults.push("layersToTransform and layersPattern need targetModules as a list of name endings");
  if (layersPattern !== undefined && layersToTransform === undefined)
    faults.push("layersPattern has no effect without layersToTransform");
  return faults;
}

function exclusionMatcher(excluded: string[] | string): (name: string) => boolean {
  if (Array.isArray(excluded)) return (name) => excluded.some((ending) => endsIn(ending)(name));
  const expression = fullmatch(excluded, "excludeModules");
  return (name) => expression.test(name);
}

function layerMatcher({ layersToTransform, layersPattern = [] }: TargetSettings): (name: string) => boolean {
  const layers = [layersToTransform ?? []].flat();
  if (layers.length === 0) return () => true;
  const patterns = [layersPattern].flat();
  const expressions = patterns.length
    ? patterns.map((pattern) =>
        fullmatch(String.raw`(?:|.*?\.)${pattern}\.(?P<layer>\d+)\..*`, "layersPattern"),
      )
    : [fullmatch(String.raw`.*?\.[^.]*\.(?P<layer>\d+)\..*`, "layersPattern")];
  return (name) => {
    const match = expressions.map((expression) => expression.exec(name)).find((found) => found !== null);
    return match !== undefined && layers.includes(Number(match!.groups!.layer));
  };
}

/**
 * The names among `linearNames` and `ends`, the embedding and the output layer, that get an adapter.
 * @throws AttuneError when there is none, or an item of a setting matches nothing; it names what there is.
 */
export function matchAdapter(
  linearNames: readonly string[],
  ends: readonly string[],
  settings: TargetSettings,
): string[] {
  const { targetModules, excludeModules, layersToTransform } = settings;
  const candidates = isAllLinear(targetModules) ? linearNames : [...linearNames, ...ends];
  matchTargetModules(candidates, targetModules);
  if (excludeModules !== undefined) requireMatches(candidates, excludeModules);
  const matched = candidates.filter(adapterMatcher(settings));
  if (matched.length === 0)
    throw new AttuneError({
      code: "adapters.no-target-left",
      place: "adapter",
      problem: `no module of ${targetModules} is left: excludeModules, layersToTransform (layers by their numbers in names such as ${linearNames[0] ?? "layers.0"}), layersPattern or modulesToSave take all away`,
    });
  if (layersToTransform !== undefined && Array.isArray(targetModules)) {
    const idle = targetModules.filter((target) => !matched.some(endsIn(target)));
    if (idle.length > 0)
      throw new AttuneError({
        code: "adapters.no-target-left",
        place: "targetModules",
        problem: `no module of ${idle.join(", ")} is left in the layers of layersToTransform`,
      });
  }
  for (const layer of [layersToTransform ?? []].flat())
    if (!matched.some(layerMatcher({ ...settings, layersToTransform: layer })))
      throw new AttuneError({
        code: "adapters.no-match",
        place: "layersToTransform",
        problem: `no targeted module is in layer ${layer}`,
      });
  return matched;
}

function requireMatches(names: readonly string[], excluded: string[] | string): void {
  const items = Array.isArray(excluded) ? excluded.map((item) => [item]) : [excluded];
  const idle = items.filter((item) => !names.some(exclusionMatcher(item)));
  if (idle.length > 0)
    throw new AttuneError({
      code: "adapters.no-match",
      place: "excludeModules",
      problem: `no module matches ${idle.join(", ")}`,
    });
}

/**
 * The names among `linearNames`, in their order, that `targetModules` means:
 * a list: equal to an item, or ending in a dot and an item; "all-linear": all but the output layer; any other string:
 * a regular expression that matches the whole name.
 * @throws AttuneError when nothing, or nothing for an item of the list, matches; it names what there is.
 */
export function matchTargetModules(linearNames: readonly string[], targetModules: TargetModules): string[] {
  const matched = linearNames.filter(targetMatcher(targetModules));
  const unmatched = Array.isArray(targetModules)
    ? targetModules.filter((target) => !linearNames.some(endsIn(target)))
    : [];
  if (matched.length === 0 || unmatched.length > 0)
    throw nothingMatched(linearNames, targetModules, unmatched);
  return matched;
}

/** Whether a module's name is meant by `targetModules`; unlike {@link matchTargetModules}, content with no match at all. */
function targetMatcher(targetModules: TargetModules): (name: string) => boolean {
  if (Array.isArray(targetModules)) return (name) => targetModules.some((target) => endsIn(target)(name));
  if (isAllLinear(targetModules)) return (name) => !OUTPUT_LAYERS.has(name);
  const expression = fullmatch(targetModules);
  return (name) => expression.test(name);
}

/** Of any case, as in PEFT. */
export const isAllLinear = (targetModules: TargetModules): boolean =>
  typeof targetModules === "string" && targetModules.toLowerCase() === "all-linear";

/** Whether a target, the name of a module or how it ends, means this one. */
export const endsIn = (target: string) => (name: string) => name === target || name.endsWith(`.${target}`);

function nothingMatched(
  linearNames: readonly string[],
  targetModules: TargetModules,
  unmatched: string[],
): AttuneError {
  const endings = [...new Set(linearNames.map((name) => name.slice(name.lastIndexOf(".") + 1)))];
  const there = `This model's linear layers: ${endings.join(", ")} (in full, for example, ${linearNames[0] ?? "none"})`;
  if (Array.isArray(targetModules)) {
    const asked = unmatched.map((target) => describe(target, linearNames, endings)).join(", ");
    return new AttuneError({
      code: "adapters.no-match",
      place: "targetModules",
      problem: `no linear layer matches ${asked || "an empty list"}`,
      wayOut: there,
    });
  }
  const hint = linearNames.some(endsIn(targetModules))
    ? `For endings of names give a list: [${targetModules}]. `
    : "";
  return new AttuneError({
    code: "adapters.no-match",
    place: "targetModules",
    problem: `no linear layer's whole name matches the regular expression ${JSON.stringify(targetModules)}`,
    wayOut: `${hint}${there}`,
  });
}

function describe(target: string, linearNames: readonly string[], endings: string[]): string {
  if (isAllLinear(target)) return `${target} (write it without the list)`;
  const suggestion = nearest(target, target.includes(".") ? linearNames : endings);
  return suggestion === undefined ? target : `${target} (did you mean ${suggestion}?)`;
}

const CONDENSE_FROM = 20; // PEFT's MIN_TARGET_MODULES_FOR_OPTIMIZATION

/**
 * What PEFT writes as `target_modules` for "all-linear": the modules' full names when they are few, else the shortest
 * endings that no other module shares. Sorted, where PEFT's order is arbitrary.
 * `modules` are those with an adapter; the others' names follow from theirs: parents, and the output layer. Not so beside an
 * image encoder, whose layers may have any ending: then the names are full.
 */
export function condenseTargetModules(modules: readonly string[]): string[] {
  const sorted = [...modules].sort();
  const isBesideOthers = modules.every((module) => module.includes(".language_model."));
  if (modules.length < CONDENSE_FROM || isBesideOthers) return sorted;
  const others = new Set([...OUTPUT_LAYERS, ...modules.flatMap(parents)].flatMap(endingsOf));
  const chosen: string[] = [];
  for (const module of sorted) {
    if (chosen.some((ending) => endsIn(ending)(module))) continue;
    chosen.push(endingsOf(module).find((ending) => !others.has(ending)) ?? module);
  }
  return chosen.sort();
}

/** a.b.c -> c, b.c, a.b.c */
const endingsOf = (name: string): string[] => {
  const parts = name.split(".");
  return parts.map((_, i) => parts.slice(parts.length - 1 - i).join("."));
};

/** a.b.c -> a, a.b */
const parents = (name: string): string[] => {
  const parts = name.split(".");
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("."));
};
