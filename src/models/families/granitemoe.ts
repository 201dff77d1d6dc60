/**
 * Granite 3 with a mixture of experts for an MLP (1B-A400M, 3B-A800M). Adapters sit on its attention.
 * Reference: transformers, models/granitemoe/modeling_granitemoe.py.
 */
import type * as z from "zod";
import { expertCount, parseFields } from "../config.ts";
import { fusedExperts, mixtureOfExperts, routeByChosen } from "../experts.ts";
import type { Family } from "../family.ts";
import { ropeParameters } from "../rope_config.ts";
import type { Scope } from "../scope.ts";
import { graniteDecoder, graniteFields } from "./granite.ts";

export const graniteMoeFields = graniteFields.omit({ mlp_bias: true }).extend({
  num_local_experts: expertCount.default(8),
  num_experts_per_tok: expertCount.default(2),
});
type Fields = z.output<typeof graniteMoeFields>;

export const granitemoe: Family = {
  modelType: "granitemoe",
  read(config) {
    const c = parseFields("", graniteMoeFields, config);
    return graniteDecoder(c, {
      modelType: "granitemoe",
      rope: ropeParameters(c),
      name: "block_sparse_moe",
      mlp: (pass) => (p, x) => {
        const scores = p.at("router").linear("layer", x, c.num_local_experts, { fixed: true });
        const routing = routeByChosen(scores, c.num_experts_per_tok);
        return mixtureOfExperts(pass, x, routing, expertsInOne(c, p));
      },
    });
  },
};

/** Of all experts in one tensor. */
function expertsInOne(
  { num_local_experts: n, intermediate_size: F, hidden_size: D, hidden_act }: Fields,
  p: Scope,
) {
  const weights = {
    into: p.at("input_linear").param("weight", [n, 2 * F, D]),
    down: p.at("output_linear").param("weight", [n, D, F]),
  };
  return fusedExperts(p.at("experts"), weights, { count: n, size: F, activation: hidden_act });
}
