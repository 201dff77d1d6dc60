import { AttuneError } from "../../text/errors.ts";
import type { TargetModules } from "./target_modules.ts";

interface Defaults {
  targetModules: string[];
  feedforwardModules?: string[];
}

const qv = { targetModules: ["q_proj", "v_proj"] };
const fused = { targetModules: ["query_key_value"] };
const lora: Record<string, Defaults> = {
  gemma: qv,
  gemma2: qv,
  gemma3_text: qv,
  gpt2: { targetModules: ["c_attn"] },
  gpt_neox: fused,
  llama: qv,
  mistral: qv,
  mixtral: qv,
  qwen2: qv,
  qwen3: qv,
};

const scaled = (targetModules: string[], last: string) => ({
  targetModules: [...targetModules, last],
  feedforwardModules: [last],
});
const ia3: Record<string, Defaults> = {
  gemma: scaled(["q_proj", "v_proj"], "down_proj"),
  gemma2: scaled(["q_proj", "v_proj"], "down_proj"),
  gemma3_text: scaled(["q_proj", "v_proj"], "down_proj"),
  gpt2: scaled(["c_attn"], "mlp.c_proj"),
  gpt_neox: scaled(["query_key_value"], "dense_4h_to_h"),
  llama: scaled(["k_proj", "v_proj"], "down_proj"),
  mistral: scaled(["k_proj", "v_proj"], "down_proj"),
  mixtral: scaled(["k_proj", "v_proj"], "w2"),
  qwen2: scaled(["q_proj", "v_proj"], "down_proj"),
  qwen3: scaled(["q_proj", "v_proj"], "down_proj"),
};

/** What PEFT 0.21 adapts where target_modules is null (utils/constants.py), by the model_type of the base. */
export const DEFAULT_TARGETS: Record<"lora" | "ia3" | "vera", Record<string, Defaults>> = {
  lora,
  ia3,
  vera: lora,
};

interface Targeted {
  type: keyof typeof DEFAULT_TARGETS;
  targetModules?: TargetModules;
  feedforwardModules?: TargetModules;
}

/**
 * `config` with the modules that PEFT takes for a base of this model_type, where it leaves them out.
 * @throws AttuneError when PEFT has no default for it.
 */
export function withTargets<C extends Targeted>(
  config: C,
  modelType: string,
): C & { targetModules: TargetModules } {
  const isWhole = config.type !== "ia3" || config.feedforwardModules !== undefined;
  if (config.targetModules !== undefined && isWhole) return config as C & { targetModules: TargetModules };
  const defaults = DEFAULT_TARGETS[config.type];
  if (!Object.hasOwn(defaults, modelType))
    throw new AttuneError({
      code: "adapter.no-default-targets",
      place: "adapter_config.json",
      problem: `target_modules${config.type === "ia3" ? " or feedforward_modules" : ""} is null, and PEFT has no default for ${modelType}`,
      wayOut: "Write the names of the adapted modules there, as its tensors' names have them",
    });
  return { ...defaults[modelType]!, ...defined(config) } as C & { targetModules: TargetModules };
}

const defined = <T extends object>(settings: T): T =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as T;
