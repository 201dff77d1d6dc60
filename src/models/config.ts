import * as z from "zod";
import { excerpt } from "../checkpoints/excerpt.ts";
import { AttuneError } from "../errors.ts";

export const size = z
  .int()
  .positive()
  .max(2 ** 31 - 1);

/** Activations by their names in config.json that attune computes. */
export const activation = z.enum(["silu", "swish", "gelu", "gelu_new", "gelu_pytorch_tanh", "gelu_fast"]);
export type ActivationName = z.output<typeof activation>;

const ropeTheta = z.number().positive().nullish();
const plain = z.looseObject({ rope_theta: ropeTheta });
const linearScaling = z.looseObject({ factor: z.number().positive() });
const llama3Scaling = linearScaling.extend({
  low_freq_factor: z.number().positive(),
  high_freq_factor: z.number().positive(),
  original_max_position_embeddings: size,
});

/** Rotary frequencies as config.json describes them, of transformers 4 and 5 alike. */
export type RopeParameters =
  | { type: "default"; theta: number }
  | { type: "linear"; theta: number; factor: number }
  | {
      type: "llama3";
      theta: number;
      factor: number;
      lowFrequencyFactor: number;
      highFrequencyFactor: number;
      originalMaxPositions: number;
    };

const DEFAULT_THETA = 10_000;

/** The keys of config.json that speak of rotary embedding, in both generations' spelling. */
export const ropeFields = {
  rope_theta: ropeTheta,
  rope_scaling: z.record(z.string(), z.unknown()).nullish(),
  rope_parameters: z.record(z.string(), z.unknown()).nullish(),
};

/** transformers 5 writes `rope_parameters`, 4 wrote `rope_theta` and `rope_scaling` (with `type` for `rope_type`). */
export function ropeParameters(config: z.output<z.ZodObject<typeof ropeFields>>): RopeParameters {
  const fields: Record<string, unknown> = config.rope_parameters ?? config.rope_scaling ?? {};
  const place = config.rope_parameters ? "rope_parameters" : "rope_scaling";
  const theta = parseFields(place, plain, fields).rope_theta ?? config.rope_theta ?? DEFAULT_THETA;
  const type = fields.rope_type ?? fields.type ?? "default";
  if (type === "default") return { type, theta };
  if (type === "linear") return { type, theta, factor: parseFields(place, linearScaling, fields).factor };
  if (type === "llama3") {
    const scaling = parseFields(place, llama3Scaling, fields);
    return {
      type,
      theta,
      factor: scaling.factor,
      lowFrequencyFactor: scaling.low_freq_factor,
      highFrequencyFactor: scaling.high_freq_factor,
      originalMaxPositions: scaling.original_max_position_embeddings,
    };
  }
  throw new AttuneError(
    `config.json: ${place} has rope_type ${JSON.stringify(type)}; known are default, linear, llama3`,
  );
}

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
