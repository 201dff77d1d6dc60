/** adapter_config.json of PEFT (0.21), both ways. */
import type * as z from "zod";
import { AttuneError, type Fault } from "../../text/errors.ts";
import { excerpt } from "../../text/excerpt.ts";
import { pythonJson } from "../../text/python_json.ts";
import type { AdapterConfig } from "../adapter.ts";
import type { TargetModules } from "../targets/target_modules.ts";
import { ia3File } from "./ia3_file.ts";
import { loraFile } from "./lora_file.ts";
import { isOff } from "./peft_setting.ts";
import { veraFile } from "./vera_file.ts";

/** What there is to know of a kind of adapter's file. */
interface ConfigFile {
  Config: z.ZodObject<z.ZodRawShape, z.core.$loose>;
  /** What PEFT writes for an adapter that uses nothing special. */
  DEFAULTS: object;
  /** Keys that say nothing about what a finished adapter computes. */
  IGNORED: readonly string[];
  /** What to do about a setting that is not computed here. */
  wayOut?(key: string): string;
  /** Places of numbers that Python writes as floats. */
  FLOATS: ReadonlySet<string>;
  fromPeft(file: never): AdapterConfig;
  toPeft(config: never): object;
  check(config: never, where: string): void;
}

const FILES: Record<string, ConfigFile | undefined> = { LORA: loraFile, IA3: ia3File, VERA: veraFile };

/** Methods of PEFT that change no weights of the base, so that there is nothing to merge. */
const PROMPTS =
  /^(PROMPT_TUNING|MULTITASK_PROMPT_TUNING|P_TUNING|PREFIX_TUNING|CPT|ADAPTION_PROMPT|CARTRIDGE|XLORA|POLY)$/;

/**
 * `config` is adapter_config.json as parsed, `where` its path.
 * @throws AttuneError that names every setting which changes the computation and is not supported here, keys unknown to
 *   PEFT 0.21 too, unless it is off.
 */
export function parsePeftConfig(
  config: Record<string, unknown>,
  where: string,
): { config: AdapterConfig; baseModel?: string } {
  const type = String(config.peft_type);
  const file = Object.hasOwn(FILES, type) ? FILES[type] : undefined;
  if (!file) throw unknownKind(config, where);
  const parsed = file.Config.safeParse(config, { reportInput: true });
  const faults = [...unsupported(config, file), ...(parsed.error?.issues.map(settingFault) ?? [])];
  if (!parsed.success || faults.length > 0)
    throw new AttuneError({
      code: "adapter.unsupported",
      place: where,
      problem: "this adapter uses what attune does not compute",
      faults,
    });
  const own = file.fromPeft(parsed.data as never);
  file.check(own as never, where);
  return { config: own, baseModel: (config.base_model_name_or_path as string | null) ?? undefined };
}

function unknownKind(config: Record<string, unknown>, where: string): AttuneError {
  const { peft_type: type } = config;
  const isMlx = type === undefined && ("lora_parameters" in config || "fine_tune_type" in config);
  const wayOut = () => {
    if (isMlx) return "mlx-lm wrote this file: convert the adapter to PEFT's form, or fuse it into its model";
    if (typeof type !== "string") return "Give a directory that PEFT, or attune, saved";
    if (PROMPTS.test(type))
      return "It can't be merged into a model either: train a LoRA adapter on the same data";
    return "Merge it into its base with PEFT (merge_and_unload, save_pretrained) and use the merged model";
  };
  return new AttuneError({
    code: "adapter.unsupported-kind",
    place: `${where}: peft_type`,
    expected: `an adapter of ${Object.keys(FILES)
      .join(", ")
      .replace(/, (?=\w+$)/, " or ")}`,
    got: type === undefined ? "none" : excerpt(type),
    wayOut: wayOut(),
  });
}

function settingFault({ path, message, input }: z.core.$ZodIssue): Fault {
  const got = input === undefined ? "nothing" : excerpt(input);
  return { code: "adapter.wrong-setting", place: path.join("."), expected: message, got };
}

/** Notes of the tools that saved it, in PEFT and beside it: who, when, from what. */
const NOTES = /^_|(^|_)version$|^unsloth_/;
const PROVENANCE = new Set([
  ...[
    "architectures",
    "auto_mapping",
    "dtype",
    "inference_mode",
    "library_name",
    "model_type",
    "peft_version",
  ],
  ...["revision", "runtime_config", "torch_dtype"],
  ...["lora_dtype", "loraplus_lr_embedding", "loraplus_lr_ratio", "lorap_emb_lr", "lorap_lr_ratio"], // of optimizers
]);

/** The features in use; those that the file's schema judges aside. */
function unsupported(config: Record<string, unknown>, file: ConfigFile): Fault[] {
  const { Config, DEFAULTS, IGNORED } = file;
  const defaults = DEFAULTS as Record<string, unknown>;
  const isHarmless = (key: string, value: unknown) =>
    isOff(value) ||
    PROVENANCE.has(key) ||
    NOTES.test(key) ||
    (Object.hasOwn(defaults, key) && JSON.stringify(value) === JSON.stringify(defaults[key]));
  const judged = new Set([...Object.keys(Config.shape), ...IGNORED]);
  return Object.entries(config)
    .filter(([key, value]) => !judged.has(key) && !isHarmless(key, value))
    .map(([key, value]) =>
      Object.hasOwn(defaults, key)
        ? { code: "adapter.unsupported-setting", place: key, got: excerpt(value), wayOut: file.wayOut?.(key) }
        : {
            code: "adapter.unknown-setting",
            place: key,
            problem: `unknown to PEFT 0.21, got ${excerpt(value)}`,
            wayOut:
              "If it changes nothing that the adapter computes, take it out of the file; else merge the adapter with the tool that wrote it",
          },
    );
}

/** The text of adapter_config.json, byte for byte as PEFT writes it for `targetModules` in this order. */
export function formatPeftConfig(
  config: AdapterConfig,
  targetModules: TargetModules | undefined,
  baseModel?: string,
): string {
  const file = FILES[config.type.toUpperCase()]!;
  const fields = {
    ...file.DEFAULTS,
    ...file.toPeft(config as never),
    base_model_name_or_path: baseModel ?? null,
    target_modules: targetModules ?? null,
  };
  return pythonJson(fields, file.FLOATS);
}
