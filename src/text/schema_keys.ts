import type * as z from "zod";

/**
 * The keys that a zod schema knows, by level: "" is the top, "training" what is in that key, "data" what is in each
 * entry of that list. The branches of a union count together.
 */
export function schemaKeys(schema: z.ZodType): ReadonlyMap<string, readonly string[]> {
  const levels = new Map<string, string[]>();
  collect(schema, "", levels);
  return levels;
}

function collect(schema: z.ZodType, level: string, levels: Map<string, string[]>): void {
  const def = schema.def as unknown as Definition;
  for (const inner of [def.innerType, def.element, def.in, ...(def.options ?? [])])
    if (inner) collect(inner, level, levels);
  if (!def.shape) return;
  const keys = levels.get(level) ?? [];
  levels.set(level, [...new Set([...keys, ...Object.keys(def.shape)])]);
  for (const [key, value] of Object.entries(def.shape))
    collect(value, level ? `${level}.${key}` : key, levels);
}

/** Where zod's kinds of schema keep what they are made of. */
interface Definition {
  shape?: Record<string, z.ZodType>;
  innerType?: z.ZodType;
  element?: z.ZodType;
  in?: z.ZodType;
  options?: z.ZodType[];
}
