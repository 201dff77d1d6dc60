/**
 * Granite 4 without experts and Mamba layers (Micro, 350M, 1B): Granite with gate and up in one projection, and no rotation
 * in some sizes. Reference: transformers, models/granitemoehybrid/modeling_granitemoehybrid.py.
 */
import * as z from "zod";
import { parseFields, size } from "../config.ts";
import type { Family } from "../family.ts";
import { slidingLayers } from "../layer_types.ts";
import { fusedGatedMlp } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { graniteDecoder, graniteFields } from "./granite.ts";

const layer = z.enum(["full_attention", "attention"], "attune does not compute Mamba layers");
export const hybridFields = graniteFields.omit({ intermediate_size: true }).extend({
  layer_types: z.array(layer, "attune does not compute Mamba layers, which all are where it is missing"),
  num_local_experts: z.literal(0, "attune computes this family without experts"),
  shared_intermediate_size: size.default(1024),
  position_embedding_type: z.string().nullish(),
});
const MLP_NAMES = { gateAndUp: "input_linear", down: "output_linear" };

export const granitemoehybrid: Family = {
  modelType: "granitemoehybrid",
  aliases: { layers_block_type: "layer_types" },
  read(config) {
    const c = parseFields("", hybridFields, config);
    slidingLayers(c, () => false); // as many as there are layers
    const mlp = { size: c.shared_intermediate_size, activation: c.hidden_act };
    return graniteDecoder(c, {
      modelType: "granitemoehybrid",
      rope: c.position_embedding_type === "rope" ? ropeParameters(c) : undefined,
      name: "shared_mlp",
      mlp: () => (p, x) => fusedGatedMlp(p, x, mlp, MLP_NAMES),
    });
  },
};
