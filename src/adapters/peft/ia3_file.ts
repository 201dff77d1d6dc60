/** adapter_config.json of an (IA)³ adapter. */
import * as z from "zod";
import { checkIa3Config, type Ia3Config } from "../ia3.ts";
import { common, defined, names, off } from "./peft_setting.ts";

/** What PEFT 0.21 writes for an adapter that uses nothing beyond it. */
const DEFAULTS = {
  auto_mapping: null,
  base_model_name_or_path: null,
  exclude_modules: null,
  fan_in_fan_out: false,
  feedforward_modules: [],
  inference_mode: true,
  init_ia3_weights: true,
  modules_to_save: null,
  peft_type: "IA3",
  peft_version: "0.21.0",
  revision: null,
  target_modules: null,
  task_type: "CAUSAL_LM",
};

/** How a finished adapter began. */
const IGNORED = ["init_ia3_weights"];

const Config = z.looseObject({
  peft_type: z.literal("IA3"),
  ...common,
  feedforward_modules: z
    .union([z.array(z.string()), z.string()], { error: "a list of names, or a regular expression as a text" })
    .nullish(),
  exclude_modules: off(names),
});

function fromPeft(file: z.output<typeof Config>): Ia3Config {
  return {
    type: "ia3",
    ...defined({
      targetModules: file.target_modules ?? undefined,
      feedforwardModules: file.feedforward_modules ?? undefined,
      excludeModules: file.exclude_modules,
      modulesToSave: file.modules_to_save,
      fanInFanOut: file.fan_in_fan_out,
    }),
  };
}

const toPeft = (config: Ia3Config): object => ({
  exclude_modules: config.excludeModules ?? null,
  fan_in_fan_out: config.fanInFanOut ?? false,
  feedforward_modules: config.feedforwardModules ?? null,
  modules_to_save: config.modulesToSave ?? null,
});

export const ia3File = {
  Config,
  DEFAULTS,
  IGNORED,
  FLOATS: new Set<string>(),
  fromPeft,
  toPeft,
  check: checkIa3Config,
};
