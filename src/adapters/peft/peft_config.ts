/** adapter_config.json of PEFT (0.21), both ways. */
import * as z from "zod";
import { AttuneError } from "../../text/errors.ts";
import { excerpt } from "../../text/excerpt.ts";
import { pythonJson } from "../../text/python_json.ts";
import type { AdapterConfig } from "../adapter.ts";
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
  IGNORED: ReadonlySet<string>;
  /** Places of numbers that Python writes as floats. */
  FLOATS: ReadonlySet<string>;
  fromPeft(file: never): AdapterConfig;
  toPeft(config: never): object;
  check(config: never, where: string): void;
}

const FILES: Record<string, ConfigFile | undefined> = { LORA: loraFile, IA3: ia3File, VERA: veraFile };

/**
 * `config` is adapter_config.json as parsed, `where` its path.
 * @throws AttuneError that names every setting which changes the computation and is not supported here, keys unknown to
 *   PEFT 0.21 too, unless it is off.
 */
export function parsePeftConfig(
  config: Record<string, unknown>,
  where: string,
): { config: AdapterConfig; baseModel?: string } {
  const file = Object.hasOwn(FILES, String(config.peft_type)) ? FILES[String(config.peft_type)] : undefined;
  if (!file)
    throw new AttuneError(
      `${where}: this adapter uses what is not supported:\n✖ only LORA, IA3 and VERA adapters are supported, got ${excerpt(config.peft_type)}\n  → at peft_type`,
    );
  const parsed = file.Config.safeParse(config);
  const faults = unsupported(config, file);
  if (!parsed.success) faults.push(z.prettifyError(parsed.error));
  if (!parsed.success || faults.length > 0)
    throw new AttuneError(`${where}: this adapter uses what is not supported:\n${faults.join("\n")}`);
  const own = file.fromPeft(parsed.data as never);
  file.check(own as never, where);
  return { config: own, baseModel: (config.base_model_name_or_path as string | null) ?? undefined };
}

/** The features in use, a line each; those that the file's schema judges aside. */
function unsupported(config: Record<string, unknown>, { Config, DEFAULTS, IGNORED }: ConfigFile): string[] {
  const judged = new Set([...Object.keys(Config.shape), ...IGNORED]);
  const inUse = Object.entries(config).filter(([key, value]) => !judged.has(key) && !isOff(value));
  return inUse.map(([key, value]) => {
    const unknown = Object.hasOwn(DEFAULTS, key) ? "" : " (unknown to PEFT 0.21)";
    return `✖ ${key}: ${excerpt(value)}${unknown}`;
  });
}

/** The text of adapter_config.json, byte for byte as PEFT writes it for `targetModules` in this order. */
export function formatPeftConfig(
  config: AdapterConfig,
  targetModules: string[] | string,
  baseModel?: string,
): string {
  const file = FILES[config.type.toUpperCase()]!;
  const fields = {
    ...file.DEFAULTS,
    ...file.toPeft(config as never),
    base_model_name_or_path: baseModel ?? null,
    target_modules: targetModules,
  };
  return pythonJson(fields, file.FLOATS);
}
