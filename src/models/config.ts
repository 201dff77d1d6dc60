import * as z from "zod";
import { AttuneError, type Fault } from "../text/errors.ts";
import { excerpt } from "../text/excerpt.ts";
import { schemaFaults } from "../text/schema_faults.ts";

export const size = z
  .int()
  .positive()
  .max(2 ** 31 - 1);

/** Sizes that graphs and tables are built from, far above any model there is: a damaged file must not ask for more. */
export const hiddenSize = size.max(2 ** 20);
export const layerCount = size.max(10_000);
export const headCount = size.max(2 ** 16);
export const headSize = size.max(2 ** 16);
export const expertCount = size.max(2 ** 12);

/** Activations by their names in config.json that attune computes. */
export const activation = z.enum([
  ...(["silu", "swish", "gelu", "gelu_new", "gelu_pytorch_tanh", "gelu_fast"] as const),
  ...(["relu", "relu2"] as const),
]);
export type ActivationName = z.output<typeof activation>;

const CODE = "models.config";

/** Checks `value`, which lies at the key `place`, against `schema`; all faults are reported at once, by key. */
export function parseFields<T>(place: string, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const faults = schemaFaults(result.error.issues, CODE);
  throw notComputed(
    faults.map((fault) => ({ ...fault, place: [place, fault.place].filter(Boolean).join(".") })),
  );
}

/** A model that config.json describes and attune does not compute, by the keys at fault. */
export const notComputed = (faults: readonly Omit<Fault, "code">[]): AttuneError =>
  new AttuneError({
    code: CODE,
    place: "config.json",
    problem: "attune does not compute this model",
    faults: faults.map((fault) => ({ ...fault, code: CODE })),
  });

/** A refused value as the end of a message. What is missing, a list or an object is named in the message itself. */
export function got(value: unknown): string {
  if (value === undefined || typeof value === "object") return "";
  return `; got ${typeof value === "string" ? excerpt(value) : value}`;
}
