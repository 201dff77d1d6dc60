import { AttuneError } from "../text/errors.ts";
import type { AdapterConfig } from "./adapter.ts";
import { kindOf } from "./kinds/kinds.ts";
import type { TargetModules } from "./targets/target_modules.ts";

/**
 * `config` with the modules that PEFT takes for a base of this model_type, where it leaves them out.
 * @throws AttuneError when PEFT has no default for it.
 */
export function withTargets<C extends AdapterConfig>(
  config: C,
  modelType: string,
): C & { targetModules: TargetModules } {
  const { defaults } = kindOf({ config });
  const settings = Object.keys(Object.values(defaults)[0]!);
  const missing = settings.filter((key) => config[key as keyof C] === undefined);
  if (missing.length === 0) return config as C & { targetModules: TargetModules };
  if (!Object.hasOwn(defaults, modelType) && config.targetParameters?.length)
    return { ...config, targetModules: [] };
  if (!Object.hasOwn(defaults, modelType))
    throw new AttuneError({
      code: "adapters.no-default-targets",
      place: "adapter_config.json",
      problem: `${settings.map(snakeCase).join(" or ")} is null, and PEFT has no default for ${modelType}`,
      wayOut: "Write the names of the adapted modules there, as its tensors' names have them",
    });
  return { ...defaults[modelType]!, ...defined(config) } as C & { targetModules: TargetModules };
}

const snakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const defined = <T extends object>(settings: T): T =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as T;
