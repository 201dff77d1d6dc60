import * as z from "zod";
import { notComputed } from "./config.ts";
import { type RopeParameters, ropeParametersAt } from "./rope_config.ts";

const rope = z.record(z.string(), z.unknown()).nullish();

/** `rope_parameters` of families whose sliding layers are rotated otherwise than those that see all. */
export const ropesByLayer = z.strictObject({ full_attention: rope, sliding_attention: rope }).nullish();

type Fields = Parameters<typeof ropeParametersAt>[2] & { rope_parameters?: z.output<typeof ropesByLayer> };

/**
 * transformers 5 has rotary parameters by kind of layer; 4 scaled only those of the layers that see all, and 5 puts that
 * scaling over its own parameters of theirs. `theta` holds what a file leaves out.
 */
export function readRopesByLayer(
  c: Fields,
  theta: { full: number; sliding: number },
): { full: RopeParameters; sliding: RopeParameters } {
  const { full_attention: full, sliding_attention: sliding } = c.rope_parameters ?? {};
  const bases = { ...c, rope_parameters: undefined, original_max_position_embeddings: undefined };
  const read = (place: string, fields: Record<string, unknown>, base: number) =>
    ropeParametersAt(place, fields, { ...bases, rope_theta: base });
  requireRopeType(c.rope_scaling ?? {});
  const scaled = c.rope_scaling ? "rope_scaling" : "rope_parameters.full_attention";
  return {
    full: read(scaled, { ...full, ...c.rope_scaling }, c.rope_theta ?? theta.full),
    sliding: read("rope_parameters.sliding_attention", sliding ?? {}, theta.sliding),
  };
}

/** transformers 5 reads the older name of the type for other families, and passes it over for these. */
function requireRopeType({ type, rope_type }: Record<string, unknown>): void {
  if (type === undefined || rope_type !== undefined || type === "default") return;
  throw notComputed([
    {
      place: "rope_scaling.type",
      problem: "transformers reads rope_type for this family, and would leave the scaling out",
      wayOut: "Name the key rope_type",
    },
  ]);
}
