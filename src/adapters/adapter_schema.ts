/** Adapters as recipes say them: PEFT's settings, in camelCase. */
import * as z from "zod";
import type { AdapterConfig } from "./adapter.ts";
import { KINDS } from "./kinds/kinds.ts";
import { loraPlus } from "./lora/lora_config.ts";
import { nonEmptyText } from "./settings.ts";

const existing = z
  .strictObject({
    path: nonEmptyText.describe("A PEFT adapter directory, or that of a run that made one."),
    ...loraPlus,
  })
  .describe("Go on from an adapter.");

type Schemas<K extends readonly { schema: z.ZodType }[]> = { [I in keyof K]: K[I]["schema"] };

const fresh = KINDS.map(({ schema }) => schema) as unknown as Schemas<typeof KINDS>;

export const adapter = z.union([...fresh, existing]);

/** A fresh adapter of a recipe. */
export type FreshAdapter = z.output<(typeof fresh)[number]>;

/** Its settings, without the optimizer's. */
export function configOf(settings: FreshAdapter): AdapterConfig {
  const entries = Object.entries(settings).filter(([key]) => !Object.hasOwn(loraPlus, key));
  return Object.fromEntries(entries) as unknown as AdapterConfig;
}

const anyKind = z.looseObject({ type: z.enum(KINDS.map(({ type }) => type)) });

/** The branch of the union that was meant. */
export function meantAdapter(value: unknown): z.ZodObject {
  if (typeof value !== "object" || value === null) return anyKind;
  if ("path" in value) return existing;
  const type = "type" in value ? value.type : undefined;
  return KINDS.find((kind) => kind.type === type)?.schema ?? anyKind;
}

/** All settings there are. */
export const adapterKeys = [...new Set([existing, ...fresh].flatMap(({ shape }) => Object.keys(shape)))];
