import * as z from "zod";
import { AttuneError } from "../errors.ts";
import { parseFields, size } from "./config.ts";

const positive = z.number().positive();
const theta = positive.nullish();
const factor = z.looseObject({ factor: positive });
const TYPES = {
  default: z.looseObject({}),
  linear: factor,
  dynamic: factor,
  llama3: factor.extend({ low_freq_factor: positive, high_freq_factor: positive }),
  yarn: z.looseObject({
    factor: positive.nullish(),
    attention_factor: positive.nullish(),
    beta_fast: positive.nullish(),
    beta_slow: positive.nullish(),
    mscale: z.number().nullish(),
    mscale_all_dim: z.number().nullish(),
    truncate: z.boolean().default(true),
  }),
  longrope: z.looseObject({
    factor: positive.nullish(),
    attention_factor: positive.nullish(),
    short_factor: z.array(positive),
    long_factor: z.array(positive),
  }),
};
type RopeType = keyof typeof TYPES;

/** Rotary frequencies as config.json describes them, of transformers 4 and 5 alike. Lengths are in tokens. */
export type RopeParameters = {
  theta: number;
  /** The part of each head that is rotated, its front. */
  rotated: number;
} & (
  | { type: "default" }
  | { type: "linear"; factor: number }
  | { type: "dynamic"; factor: number; maxPositions: number }
  | {
      type: "llama3";
      factor: number;
      lowFrequencyFactor: number;
      highFrequencyFactor: number;
      originalMaxPositions: number;
    }
  | {
      type: "yarn";
      factor: number;
      betaFast: number;
      betaSlow: number;
      truncate: boolean;
      originalMaxPositions: number;
      attentionFactor: number;
    }
  | {
      type: "longrope";
      shortFactors: number[];
      longFactors: number[];
      originalMaxPositions: number;
      attentionFactor: number;
    }
);

const object = z.record(z.string(), z.unknown()).nullish();
/** The keys of config.json that speak of rotary embedding, in both generations' spelling. */
export const ropeFields = {
  rope_theta: theta,
  rope_scaling: object,
  rope_parameters: object,
  partial_rotary_factor: positive.max(1).nullish(),
  max_position_embeddings: size.nullish(),
  original_max_position_embeddings: size.nullish(),
};
type RopeFields = z.output<z.ZodObject<typeof ropeFields>>;

export interface RopeDefaults {
  theta?: number;
  /** What a family rotates of each head when config.json does not say; undefined where it rotates all of it. */
  rotated?: number;
  /** Other names of a type. */
  aliases?: Record<string, RopeType>;
}

/**
 * transformers 5 writes `rope_parameters`, 4 wrote `rope_theta`, `partial_rotary_factor` and `rope_scaling` (with `type`
 * for `rope_type`).
 */
export function ropeParameters(config: RopeFields, defaults: RopeDefaults = {}): RopeParameters {
  const place = config.rope_parameters ? "rope_parameters" : "rope_scaling";
  return ropeParametersAt(place, config.rope_parameters ?? config.rope_scaling ?? {}, config, defaults);
}

const common = z.looseObject({
  rope_theta: theta,
  partial_rotary_factor: ropeFields.partial_rotary_factor,
  original_max_position_embeddings: size.nullish(),
});

/** The same of `fields`, which lie at `place`; `config` says what they leave out. */
export function ropeParametersAt(
  place: string,
  fields: Record<string, unknown>,
  config: RopeFields,
  defaults: RopeDefaults = {},
): RopeParameters {
  const shared = parseFields(place, common, fields);
  const rotated = shared.partial_rotary_factor ?? config.partial_rotary_factor ?? defaults.rotated ?? 1;
  if (rotated !== 1 && defaults.rotated === undefined)
    throw new AttuneError(
      `config.json: partial_rotary_factor is ${rotated}; this family rotates whole heads, 1`,
    );
  const basis = { theta: shared.rope_theta ?? config.rope_theta ?? defaults.theta ?? 10_000, rotated };
  const type = ropeType(place, fields, defaults);
  const maxPositions = config.max_position_embeddings;
  const original =
    config.original_max_position_embeddings ?? shared.original_max_position_embeddings ?? maxPositions;
  const required = (value: number | null | undefined, name: string): number => {
    if (value) return value;
    throw new AttuneError(`config.json: ${place} has rope_type "${type}", which needs ${name}`);
  };
  const length = () => required(original, "original_max_position_embeddings");
  const ratio = () => required(maxPositions, "max_position_embeddings") / length();
  switch (type) {
    case "default":
      return { type, ...basis };
    case "linear":
      return { type, ...basis, factor: parseFields(place, TYPES.linear, fields).factor };
    case "dynamic": {
      const { factor } = parseFields(place, TYPES.dynamic, fields);
      return { type, ...basis, factor, maxPositions: required(maxPositions, "max_position_embeddings") };
    }
    case "llama3": {
      const scaling = parseFields(place, TYPES.llama3, fields);
      return {
        type,
        ...basis,
        factor: scaling.factor,
        lowFrequencyFactor: scaling.low_freq_factor,
        highFrequencyFactor: scaling.high_freq_factor,
        originalMaxPositions: length(),
      };
    }
    case "yarn": {
      const scaling = parseFields(place, TYPES.yarn, fields);
      const stretch = scaling.factor ?? ratio();
      return {
        type,
        ...basis,
        factor: stretch,
        betaFast: scaling.beta_fast || 32,
        betaSlow: scaling.beta_slow || 1,
        truncate: scaling.truncate,
        originalMaxPositions: length(),
        attentionFactor: scaling.attention_factor ?? yarnAttention(stretch, scaling),
      };
    }
    case "longrope": {
      const scaling = parseFields(place, TYPES.longrope, fields);
      const stretch = scaling.factor ?? ratio();
      return {
        type,
        ...basis,
        shortFactors: scaling.short_factor,
        longFactors: scaling.long_factor,
        originalMaxPositions: length(),
        attentionFactor:
          scaling.attention_factor ??
          (stretch <= 1 ? 1 : Math.sqrt(1 + Math.log(stretch) / Math.log(length()))),
      };
    }
  }
}

function ropeType(place: string, fields: Record<string, unknown>, { aliases = {} }: RopeDefaults): RopeType {
  const named = String(fields.rope_type ?? fields.type ?? "default");
  const type = Object.hasOwn(aliases, named) ? aliases[named]! : named;
  if (Object.hasOwn(TYPES, type)) return type as RopeType;
  throw new AttuneError(
    `config.json: ${place} has rope_type ${JSON.stringify(named)}; known are ${Object.keys(TYPES).join(", ")}`,
  );
}

/** Peng et al. 2023 (https://arxiv.org/abs/2309.00071), equation 22, and DeepSeek's two scales of it. */
function yarnAttention(
  factor: number,
  { mscale, mscale_all_dim }: { mscale?: number | null; mscale_all_dim?: number | null },
): number {
  const at = (m: number) => (factor <= 1 ? 1 : 0.1 * m * Math.log(factor) + 1);
  return mscale && mscale_all_dim ? at(mscale) / at(mscale_all_dim) : at(1);
}
