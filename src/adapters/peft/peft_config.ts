/** adapter_config.json of PEFT (0.21), both ways. */
import * as z from "zod";
import { AttuneError, type Fault } from "../../text/errors.ts";
import { excerpt } from "../../text/excerpt.ts";
import { pathKey } from "../../text/json_scan.ts";
import { pythonJson } from "../../text/python_json.ts";
import { schemaFaults } from "../../text/schema_faults.ts";
import type { AdapterConfig } from "../adapter.ts";
import type { Kind } from "../kinds/kind.ts";
import { KINDS, kindOf } from "../kinds/kinds.ts";
import { peftKey, type Setting } from "../settings.ts";
import type { TargetModules } from "../targets/target_modules.ts";

/** Methods of PEFT that change no weights of the base, so that there is nothing to merge. */
const PROMPTS =
  /^(PROMPT_TUNING|MULTITASK_PROMPT_TUNING|P_TUNING|PREFIX_TUNING|CPT|ADAPTION_PROMPT|CARTRIDGE|XLORA|POLY)$/;

type File = Readonly<Record<string, unknown>>;

/**
 * `file` is adapter_config.json as parsed, `where` its path.
 * @throws AttuneError that names every setting which changes the computation and is not supported here, keys unknown to
 *   PEFT 0.21 too, unless it is off.
 */
export function parsePeftConfig(file: File, where: string): { config: AdapterConfig; baseModel?: string } {
  const kind = KINDS.find(({ type }) => type.toUpperCase() === file.peft_type) as Kind | undefined;
  if (!kind) throw unknownKind(file, where);
  const faults = [...unsupported(file, kind), ...commonFaults(file)];
  const config: Record<string, unknown> = { type: kind.type };
  for (const [name, setting] of Object.entries(kind.settings)) {
    const value = settingValue(peftKey(name, setting), setting, file, kind, faults);
    if (value !== undefined) config[name] = value;
  }
  if (faults.length > 0)
    throw new AttuneError({
      code: "adapters.unsupported",
      place: where,
      problem: "this adapter uses what attune does not compute",
      faults,
    });
  const own = config as unknown as AdapterConfig;
  kind.check(own, where);
  return { config: own, baseModel: (file.base_model_name_or_path as string | null) ?? undefined };
}

function unknownKind(file: File, where: string): AttuneError {
  const { peft_type: type } = file;
  const known = KINDS.map((kind) => kind.type.toUpperCase());
  const isMlx = type === undefined && ("lora_parameters" in file || "fine_tune_type" in file);
  const wayOut = () => {
    if (isMlx) return "mlx-lm wrote this file: convert the adapter to PEFT's form, or fuse it into its model";
    if (typeof type !== "string") return "Give a directory that PEFT, or attune, saved";
    if (PROMPTS.test(type))
      return "It can't be merged into a model either: train a LoRA adapter on the same data";
    return "Merge it into its base with PEFT (merge_and_unload, save_pretrained) and use the merged model";
  };
  return new AttuneError({
    code: "adapters.unsupported-kind",
    place: `${where}: peft_type`,
    expected: `an adapter of ${known.slice(0, -1).join(", ")} or ${known.at(-1)}`,
    got: type === undefined ? "none" : excerpt(type),
    wayOut: wayOut(),
  });
}

/** What a file says of a setting; undefined where that is PEFT's default, or off. */
function settingValue(key: string, setting: Setting, file: File, kind: Kind, faults: Fault[]): unknown {
  const usual = kind.file.defaults[key];
  const value = Object.hasOwn(file, key) ? file[key] : usual;
  const isAbsent = value === null || (!setting.keepsOff && value !== 0 && isOff(value));
  if (!setting.required && (isAbsent || JSON.stringify(value) === JSON.stringify(usual))) return undefined;
  const parsed = (setting.file ?? setting.value).safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => ({ ...issue, path: [key, ...issue.path] }));
  faults.push(...schemaFaults(issues, WRONG));
  return undefined;
}

/** null, false, 0, and empty texts, lists and objects: how PEFT writes a feature that is not used. */
function isOff(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return !value;
}

const Common = z.looseObject({
  base_model_name_or_path: z.string().nullish(),
  task_type: z.literal("CAUSAL_LM").nullish(),
});

const commonFaults = (file: File): Fault[] =>
  schemaFaults(Common.safeParse(file, { reportInput: true }).error?.issues ?? [], WRONG);

const WRONG = "adapters.wrong-setting";

/** Notes of the tools that saved it, in PEFT and beside it: who, when, from what. */
const NOTES = /^_|(^|_)version$|^unsloth_/;
const PROVENANCE = new Set([
  ...["architectures", "auto_mapping", "dtype", "inference_mode", "library_name", "model_type"],
  ...["peft_type", "peft_version", "revision", "runtime_config", "torch_dtype"],
  ...["lora_dtype", "loraplus_lr_embedding", "loraplus_lr_ratio", "lorap_emb_lr", "lorap_lr_ratio"], // of optimizers
]);

/** The features in use that are not computed here, and what is unknown. */
function unsupported(file: File, { settings, file: { defaults, ignored, wayOut } }: Kind): Fault[] {
  const known = Object.entries(settings).map(([name, setting]) => peftKey(name, setting));
  const judged = new Set([...known, ...Object.keys(Common.shape), ...ignored, ...PROVENANCE]);
  const isHarmless = (key: string, value: unknown) =>
    isOff(value) ||
    NOTES.test(key) ||
    (Object.hasOwn(defaults, key) && JSON.stringify(value) === JSON.stringify(defaults[key]));
  return Object.entries(file)
    .filter(([key, value]) => !judged.has(key) && !isHarmless(key, value))
    .map(([key, value]) =>
      Object.hasOwn(defaults, key)
        ? { code: "adapters.unsupported-setting", place: key, got: excerpt(value), wayOut: wayOut?.(key) }
        : {
            code: "adapters.unknown-setting",
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
  const { settings, file } = kindOf({ config });
  const own = Object.entries(settings).map(([name, setting]) => {
    const key = peftKey(name, setting);
    return [key, config[name as keyof AdapterConfig] ?? file.defaults[key]];
  });
  const fields = {
    ...file.defaults,
    ...Object.fromEntries(own),
    base_model_name_or_path: baseModel ?? null,
    target_modules: targetModules ?? null,
  };
  return pythonJson(fields, new Set(file.floats.map((key) => pathKey([key]))));
}
