/** How a family is described for mlx-lm, and what such descriptions have in common. */
import type { Config } from "../../models/family.ts";
import { headSizes } from "../../models/layers.ts";
import type { RopeParameters } from "../../models/rope_config.ts";
import type { Fault } from "../../text/errors.ts";

type Faults = Omit<Fault, "code">[];

export interface MlxDescription {
  /** What config.json says besides its own. */
  config: Record<string, unknown>;
  /** What mlx-lm doesn't compute, by the keys of config.json. */
  faults: Faults;
  /** The output layer is a weight of its own even of a tied model, or there is none of its own. */
  head?: "required" | "tied";
}

export type Describe = (config: Config) => MlxDescription;

/** Checks and what they found; each names the key at fault. */
export function checks(name: string) {
  const faults: Faults = [];
  return {
    faults,
    /** Refuses anything but `wanted`. */
    only(place: string, value: unknown, wanted: unknown) {
      if (value !== wanted)
        faults.push({
          place,
          problem: `mlx-lm computes ${name} in one way`,
          expected: String(wanted),
          got: String(value),
        });
    },
    act(place: string, value: string, kind: "silu" | "gelu") {
      const own = value === "silu" || value === "swish" ? "silu" : "gelu";
      if (own !== kind)
        faults.push({ place, problem: `mlx-lm computes ${name} with ${kind}`, got: JSON.stringify(value) });
    },
    windows(windows: readonly (number | undefined)[], positions: number | null | undefined) {
      const window = windows.find(
        (size) => size !== undefined && size < (positions ?? Number.POSITIVE_INFINITY),
      );
      if (window !== undefined)
        faults.push({
          place: "sliding_window",
          problem: `mlx-lm computes ${name} without a window`,
          got: String(window),
          wayOut: `If ${window} tokens are enough, set max_position_embeddings to ${window} in a copy of the model`,
        });
    },
    rope(rope: RopeParameters, known: readonly RopeParameters["type"][]) {
      const { type } = rope;
      if (type === "yarn" && !rope.truncate)
        faults.push({
          place: "rope_parameters.truncate",
          problem: "mlx-lm rounds YaRN's range to whole dimensions",
          got: "false",
        });
      if (!known.includes(type))
        faults.push({
          place: "rope_parameters.rope_type",
          problem: `mlx-lm has no such rotation for ${name}`,
          got: JSON.stringify(type),
        });
    },
  };
}

export const PLAIN_ROPE = ["default"] as const;
export const SCALED_ROPE = ["default", "linear", "llama3", "yarn"] as const;

/** Both generations' spelling of the rotation: mlx-lm reads the older keys. */
export function ropeConfig(config: Config, rope: RopeParameters): Record<string, unknown> {
  const { theta, type } = rope;
  const given = (config.rope_scaling ?? config.rope_parameters ?? {}) as Record<string, unknown>;
  const length = "originalMaxPositions" in rope && {
    original_max_position_embeddings: rope.originalMaxPositions,
  };
  const factor = "factor" in rope && { factor: rope.factor };
  const scaling = type === "default" ? null : { ...given, ...length, ...factor, rope_type: type, type };
  return { rope_theta: theta, rope_scaling: scaling };
}

interface Sizes {
  hidden_size: number;
  num_attention_heads: number;
  num_key_value_heads?: number | null;
  head_dim?: number | null;
}

export function headConfig(c: Sizes): { own: Record<string, unknown>; isDerived: boolean; E: number } {
  const { K, G, E } = headSizes(c);
  return { own: { num_key_value_heads: K, head_dim: E }, isDerived: K * G * E === c.hidden_size, E };
}
