/** adapter_config.json of a VeRA adapter. */
import * as z from "zod";
import { pathKey } from "../../text/json_scan.ts";
import { checkVeraConfig, type VeraConfig } from "../vera.ts";
import { common, defined, flag, layers, number, oneOf } from "./peft_setting.ts";

/** What PEFT 0.21 writes for an adapter that uses nothing beyond it. */
const DEFAULTS = {
  auto_mapping: null,
  base_model_name_or_path: null,
  bias: "none",
  d_initial: 0.1,
  fan_in_fan_out: false,
  inference_mode: true,
  init_weights: true,
  layers_pattern: null,
  layers_to_transform: null,
  modules_to_save: null,
  peft_type: "VERA",
  peft_version: "0.21.0",
  projection_prng_key: 0,
  r: 256,
  revision: null,
  save_projection: true,
  target_modules: null,
  task_type: "CAUSAL_LM",
  vera_dropout: 0,
};

/** How a finished adapter began. */
const IGNORED = ["init_weights"];

const Config = z.looseObject({
  peft_type: z.literal("VERA"),
  ...common,
  r: number,
  vera_dropout: number.default(0),
  d_initial: number.default(0.1),
  projection_prng_key: number.default(0),
  save_projection: flag.default(true),
  bias: oneOf(["none", "all", "vera_only"]).nullish(),
  ...layers,
});

function fromPeft(file: z.output<typeof Config>): VeraConfig {
  return {
    type: "vera",
    r: file.r,
    dropout: file.vera_dropout,
    dInitial: file.d_initial,
    projectionPrngKey: file.projection_prng_key,
    saveProjection: file.save_projection,
    ...defined({
      targetModules: file.target_modules ?? undefined,
      layersToTransform: file.layers_to_transform,
      layersPattern: file.layers_pattern,
      bias: file.bias === "none" ? undefined : (file.bias ?? undefined),
      modulesToSave: file.modules_to_save,
      fanInFanOut: file.fan_in_fan_out,
    }),
  };
}

const toPeft = (config: VeraConfig): object => ({
  bias: config.bias ?? "none",
  d_initial: config.dInitial,
  fan_in_fan_out: config.fanInFanOut ?? false,
  layers_pattern: config.layersPattern ?? null,
  layers_to_transform: config.layersToTransform ?? null,
  modules_to_save: config.modulesToSave ?? null,
  projection_prng_key: config.projectionPrngKey,
  r: config.r,
  save_projection: config.saveProjection,
  vera_dropout: config.dropout,
});

export const veraFile = {
  Config,
  DEFAULTS,
  IGNORED,
  FLOATS: new Set(["d_initial", "vera_dropout"].map((key) => pathKey([key]))),
  fromPeft,
  toPeft,
  check: checkVeraConfig,
};
