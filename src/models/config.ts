import * as z from "zod";
import { AttuneError } from "../text/errors.ts";
import { excerpt } from "../text/excerpt.ts";

export const size = z
  .int()
  .positive()
  .max(2 ** 31 - 1);

/** Activations by their names in config.json that attune computes. */
export const activation = z.enum(["silu", "swish", "gelu", "gelu_new", "gelu_pytorch_tanh", "gelu_fast"]);
export type ActivationName = z.output<typeof activation>;

/** Checks `value` against `schema`; all that is wrong is said at once, by key. */
export function parseFields<T>(place: string, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message, input }) => {
    const key = [...(place ? [place] : []), ...path].join(".");
    return `  ${key}: ${message}${got(input)}`;
  });
  throw new AttuneError(`config.json describes a model attune cannot compute:\n${problems.join("\n")}`);
}

/** A refused value as the end of a message. What is missing, a list or an object is named in the message itself. */
export function got(value: unknown): string {
  if (value === undefined || typeof value === "object") return "";
  return `; got ${typeof value === "string" ? excerpt(value) : value}`;
}
