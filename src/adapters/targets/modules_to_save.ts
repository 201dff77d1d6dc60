/** The parameters an adapter has of its own, besides low-rank terms: modules trained whole, and biases. */
import { AttuneError, withProblems } from "../../text/errors.ts";
import type { AdapterConfig } from "../adapter.ts";
import type { Sites } from "./sites.ts";

type Saved = Pick<AdapterConfig, "modulesToSave" | "bias">;

/**
 * Names of the base's parameters that `config` trains whole, `modules` those with a low-rank term.
 * PEFT takes each module whose name ends in an item of modulesToSave, at a dot or not: `norm` means `input_layernorm` too.
 */
export function savedParameters(
  config: Saved,
  { parameters }: Pick<Sites, "parameters">,
  modules: readonly string[],
): string[] {
  const names = [...parameters.keys()];
  const whole = names.filter((name) => savedModuleOf(config.modulesToSave, name) !== undefined);
  return [...new Set([...whole, ...trainedBiases(config, names, modules)])];
}

/** The outermost module that `modulesToSave` takes and a parameter is of. */
export function savedModuleOf(modulesToSave: readonly string[] = [], parameter: string): string | undefined {
  const parts = parameter.split(".");
  for (let n = 1; n < parts.length; n++) {
    const module = parts.slice(0, n).join(".");
    if (modulesToSave.some((ending) => module.endsWith(ending))) return module;
  }
  return undefined;
}

function trainedBiases({ bias = "none" }: Saved, names: readonly string[], modules: readonly string[]) {
  if (bias === "all") return names.filter((name) => name.endsWith(".bias"));
  if (bias !== "none") return names.filter((name) => modules.includes(name.replace(/\.bias$/, "")));
  return [];
}

/**
 * @throws AttuneError that names every item of modulesToSave that is no module's ending, is part of another, or
 *   trains a bias that `bias` trains too.
 */
export function checkModulesToSave(config: Saved, sites: Sites, modules: readonly string[]): void {
  const { modulesToSave = [], bias = "none" } = config;
  const names = [...sites.parameters.keys()];
  const faults = modulesToSave
    .filter((item) => !names.some((name) => savedModuleOf([item], name) !== undefined))
    .map((item) => `modulesToSave: no module with parameters has a name that ends in ${item}`);
  for (const name of names) {
    const module = savedModuleOf(modulesToSave, name);
    if (module === undefined) continue;
    const inner = name.slice(module.length + 1).split(".");
    for (let n = 1; n < inner.length; n++) {
      const path = `${module}.${inner.slice(0, n).join(".")}`;
      if (modulesToSave.some((ending) => path.endsWith(ending)))
        faults.push(`modulesToSave: ${path} is a part of ${module}, which is saved whole`);
    }
    if (bias === "all" && name.endsWith(".bias"))
      faults.push(`modulesToSave and bias "all" both train ${name}; leave one out`);
  }
  const adapted = modules.find((module) => savedModuleOf(modulesToSave, `${module}.weight`) !== undefined);
  if (adapted) faults.push(`modulesToSave takes ${adapted}, which has a term of its own`);
  if (bias !== "none" && trainedBiases(config, names, modules).length === 0)
    faults.push(`bias: ${bias}, and there is no such bias in this model`);
  if (faults.length > 0)
    throw new AttuneError(
      withProblems(
        {
          code: "adapters.wrong-saved-modules",
          place: "adapter",
          problem: "modulesToSave or bias doesn't fit the model",
        },
        [...new Set(faults)],
      ),
    );
}
