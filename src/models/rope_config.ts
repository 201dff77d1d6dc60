import * as z from "zod";
import { notComputed, parseFields, size } from "./config.ts";

const positive = z.number().positive();
const theta = positive.nullish();

/** Rotary frequencies as config.json describes them, of transformers 4 and 5 alike. Lengths are in tokens. */
export type RopeParameters = {
  theta: number;
  /** The part of each head that is rotated, its front. */
  rotated: number;
} & (
  | { type: "default" }
  | { type: "linear"; factor: number }
  /** Pairs of halves of the whole head, of which the first `part` turn. */
  | { type: "proportional"; factor: number; part: number }
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
 * for `rope_type`). Where a file has both, transformers 5 takes `rope_scaling` alone.
 */
export function ropeParameters(config: RopeFields, defaults: RopeDefaults = {}): RopeParameters {
  const { rope_scaling: scaling, rope_parameters: parameters } = config;
  if (scaling && Object.keys(scaling).length > 0)
    return ropeParametersAt("rope_scaling", scaling, config, defaults);
  const nested = Object.keys(parameters ?? {}).find((key) => /_attention$/.test(key));
  if (nested)
    throw notComputed([
      {
        place: `rope_parameters.${nested}`,
        problem: "this family has one rotation for all layers",
        wayOut: "Write its keys into rope_parameters itself",
      },
    ]);
  return ropeParametersAt("rope_parameters", parameters ?? {}, config, defaults);
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
  const base = shared.rope_theta ?? config.rope_theta ?? defaults.theta ?? 10_000;
  const type = ropeType(place, fields, defaults);
  const rotated = shared.partial_rotary_factor ?? config.partial_rotary_factor ?? defaults.rotated ?? 1;
  const isPartial = rotated !== 1 && defaults.rotated === undefined;
  if (isPartial && type !== "default" && type !== "proportional")
    throw notComputed([
      {
        place: "partial_rotary_factor",
        problem: `with rope_type "${type}" this family rotates whole heads`,
        got: String(rotated),
      },
    ]);
  const needed = (name: string, ...values: (number | null | undefined)[]) => {
    const value = values.find((v) => v);
    if (value) return value;
    throw notComputed([
      { place: name, problem: `is missing; ${place} has rope_type "${type}", which needs it` },
    ]);
  };
  const { max_position_embeddings: positions, original_max_position_embeddings: original } = config;
  const lengths: Lengths = {
    max: () => needed("max_position_embeddings", positions),
    original: () =>
      needed(
        "original_max_position_embeddings",
        original,
        shared.original_max_position_embeddings,
        positions,
      ),
  };
  const parse: Parse = (schema) => parseFields(place, schema, fields);
  // transformers' families that rotate whole heads don't read the factor where the type is default.
  const whole = isPartial || type === "proportional";
  return { theta: base, rotated: whole ? 1 : rotated, ...READERS[type](parse, lengths, rotated) };
}

/** The longest sequence, now and before it was stretched; each refuses a config.json that does not say. */
interface Lengths {
  max(): number;
  original(): number;
}
type Parse = <T>(schema: z.ZodType<T>) => T;
type RopeType = RopeParameters["type"];
type Scaling<T extends RopeType> = Omit<RopeParameters & { type: T }, "theta" | "rotated">;

const factor = z.looseObject({ factor: positive });
const anyFactor = z.looseObject({ factor: positive.nullish() });
const READERS: { [T in RopeType]: (parse: Parse, lengths: Lengths, part: number) => Scaling<T> } = {
  default: () => ({ type: "default" }),
  linear: (parse) => ({ type: "linear", factor: parse(factor).factor }),
  proportional: (parse, _, part) => ({ type: "proportional", part, factor: parse(anyFactor).factor ?? 1 }),
  dynamic: (parse, { max }) => ({ type: "dynamic", factor: parse(factor).factor, maxPositions: max() }),
  llama3,
  yarn,
  longrope,
};

function ropeType(place: string, fields: Record<string, unknown>, { aliases = {} }: RopeDefaults): RopeType {
  const named = String("rope_type" in fields ? fields.rope_type : (fields.type ?? "default"));
  const type = Object.hasOwn(aliases, named) ? aliases[named]! : named;
  if (Object.hasOwn(READERS, type)) return type as RopeType;
  throw notComputed([
    {
      place: `${place}.${"rope_type" in fields ? "rope_type" : "type"}`,
      expected: `one of ${Object.keys(READERS).join(", ")}`,
      got: JSON.stringify(named),
    },
  ]);
}

function llama3(parse: Parse, { original }: Lengths): Scaling<"llama3"> {
  const fields = parse(factor.extend({ low_freq_factor: positive, high_freq_factor: positive }));
  return {
    type: "llama3",
    factor: fields.factor,
    lowFrequencyFactor: fields.low_freq_factor,
    highFrequencyFactor: fields.high_freq_factor,
    originalMaxPositions: original(),
  };
}

const yarnFields = z.looseObject({
  factor: positive.nullish(),
  attention_factor: positive.nullish(),
  beta_fast: positive.nullish(),
  beta_slow: positive.nullish(),
  mscale: z.number().nullish(),
  mscale_all_dim: z.number().nullish(),
  truncate: z.boolean().default(true),
});

function yarn(parse: Parse, { max, original }: Lengths): Scaling<"yarn"> {
  const fields = parse(yarnFields);
  const stretch = fields.factor ?? max() / original();
  return {
    type: "yarn",
    factor: stretch,
    betaFast: fields.beta_fast ?? 32,
    betaSlow: fields.beta_slow ?? 1,
    truncate: fields.truncate,
    originalMaxPositions: original(),
    attentionFactor: fields.attention_factor ?? yarnAttention(stretch, fields),
  };
}

/** Peng et al. 2023 (https://arxiv.org/abs/2309.00071), equation 22, and DeepSeek's two scales of it. */
function yarnAttention(stretch: number, { mscale, mscale_all_dim }: z.output<typeof yarnFields>): number {
  const at = (m: number) => (stretch <= 1 ? 1 : 0.1 * m * Math.log(stretch) + 1);
  return mscale && mscale_all_dim ? at(mscale) / at(mscale_all_dim) : at(1);
}

const longropeFields = z.looseObject({
  factor: positive.nullish(),
  attention_factor: positive.nullish(),
  short_factor: z.array(positive),
  long_factor: z.array(positive),
});

function longrope(parse: Parse, { max, original }: Lengths): Scaling<"longrope"> {
  const fields = parse(longropeFields);
  const stretch = fields.factor ?? max() / original();
  const attention = stretch <= 1 ? 1 : Math.sqrt(1 + Math.log(stretch) / Math.log(original()));
  return {
    type: "longrope",
    shortFactors: fields.short_factor,
    longFactors: fields.long_factor,
    originalMaxPositions: original(),
    attentionFactor: fields.attention_factor ?? attention,
  };
}
