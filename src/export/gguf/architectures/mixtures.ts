/** Mixtures of experts, beside those that llama.cpp computes as Llama or Qwen 3. */
import { parseFields } from "../../../models/config.ts";
import { ernie45Moe, ernieMoeFields } from "../../../models/families/ernie4_5_moe.ts";
import { glm4Moe, glm4MoeFields } from "../../../models/families/glm4_moe.ts";
import { graniteMoeFields } from "../../../models/families/granitemoe.ts";
import { olmoe as olmoeFamily, olmoeFields } from "../../../models/families/olmoe.ts";
import { qwen2MoeFields, windowsOf } from "../../../models/families/qwen2_moe.ts";
import { withoutAliases } from "../../../models/families.ts";
import { headSizes } from "../../../models/layers.ts";
import { ropeParameters } from "../../../models/rope_config.ts";
import { f32, flagValue, u32 } from "../gguf_header.ts";
import {
  type Architecture,
  type Description,
  HEAD_NORMS,
  LLAMA_ATTENTION,
  LLAMA_MLP,
  newDescription,
  permutedHeads,
  QKV,
  requireDerivedHeads,
  requireNoWindow,
  setAll,
  upperAndLower,
} from "./description.ts";
import { setGraniteFactors } from "./llama.ts";
import { setLlamaLike } from "./llama_like.ts";

export const EXPERTS = {
  "mlp.gate": "ffn_gate_inp",
  "mlp.experts.#.gate_proj": "ffn_gate_exps",
  "mlp.experts.#.up_proj": "ffn_up_exps",
  "mlp.experts.#.down_proj": "ffn_down_exps",
};
export const sharedExpert = (module: string) => ({
  [`mlp.${module}.gate_proj`]: "ffn_gate_shexp",
  [`mlp.${module}.up_proj`]: "ffn_up_shexp",
  [`mlp.${module}.down_proj`]: "ffn_down_shexp",
});
const BLOCK = { ...LLAMA_ATTENTION, post_attention_layernorm: "ffn_norm", ...EXPERTS };

/** Keys of config.json that must have one value. */
export function requireAll(
  to: Description,
  wanted: Readonly<Record<string, readonly [got: unknown, expected: unknown]>>,
): void {
  for (const [place, [got, expected]] of Object.entries(wanted))
    if (JSON.stringify(got) !== JSON.stringify(expected))
      to.faults.push({
        place,
        problem: `llama.cpp computes ${to.name} with one value of it`,
        expected: JSON.stringify(expected),
        got: JSON.stringify(got),
      });
}

export const setExperts = (to: Description, count: number, used: number) =>
  setAll(to, { expert_count: u32(count), expert_used_count: u32(used) });

export const olmoe: Architecture = {
  modelType: "olmoe",
  describe(config) {
    const c = parseFields("", olmoeFields, withoutAliases(config, olmoeFamily));
    const heads = headSizes(c);
    const to = newDescription({ name: "olmoe", modules: { ...BLOCK, ...HEAD_NORMS }, head: "required" });
    setLlamaLike(to, c, heads, { rope: ropeParameters(c) });
    setExperts(to, c.num_experts, c.num_experts_per_tok);
    requireDerivedHeads(to, c.hidden_size, heads);
    requireAll(to, {
      num_key_value_heads: [heads.K, heads.K * heads.G],
      norm_topk_prob: [c.norm_topk_prob, false],
      clip_qkv: [c.clip_qkv ?? null, null],
      attention_bias: [c.attention_bias, false],
    });
    return to;
  },
};

/** Gate and up of all experts are one tensor. */
export const graniteMoeArchitecture: Architecture = {
  modelType: "granitemoe",
  describe(config) {
    const c = parseFields("", graniteMoeFields, config);
    const heads = headSizes(c);
    const to = newDescription({
      name: "granitemoe",
      modules: { ...LLAMA_ATTENTION, post_attention_layernorm: "ffn_norm", ...FUSED_EXPERTS },
      biases: [...QKV, "attn_output"],
      orders: permutedHeads(heads.E),
      parts: { ffn_gate_exps: upperAndLower(["ffn_gate_exps", "ffn_up_exps"], c.intermediate_size) },
    });
    setLlamaLike(to, c, heads, { rope: ropeParameters(c), factors: true });
    setGraniteFactors(to, c);
    setExperts(to, c.num_local_experts, c.num_experts_per_tok);
    return to;
  },
};

const FUSED_EXPERTS = {
  "block_sparse_moe.router.layer": "ffn_gate_inp",
  "block_sparse_moe.input_linear": "ffn_gate_exps",
  "block_sparse_moe.output_linear": "ffn_down_exps",
};

/** The chosen experts' weights aren't made to sum to 1. */
export const qwen2Moe: Architecture = {
  modelType: "qwen2_moe",
  describe(config) {
    const c = parseFields("", qwen2MoeFields, config);
    const heads = headSizes(c);
    const modules = {
      ...BLOCK,
      ...sharedExpert("shared_expert"),
      "mlp.shared_expert_gate": "ffn_gate_inp_shexp",
    };
    const to = newDescription({ name: "qwen2moe", modules, biases: QKV, head: "required" });
    setLlamaLike(to, c, heads, { rope: ropeParameters(c) });
    setExperts(to, c.num_experts, c.num_experts_per_tok);
    setAll(to, {
      expert_feed_forward_length: u32(c.moe_intermediate_size),
      expert_shared_feed_forward_length: u32(c.shared_expert_intermediate_size),
    });
    requireDerivedHeads(to, c.hidden_size, heads);
    requireNoWindow(to, windowsOf(c), c.max_position_embeddings);
    requireAll(to, {
      norm_topk_prob: [c.norm_topk_prob, false],
      decoder_sparse_step: [c.decoder_sparse_step, 1],
      mlp_only_layers: [c.mlp_only_layers ?? [], []],
    });
    return to;
  },
};

export const SIGMOID = 2; // llama.cpp's expert_gating_func

export const glm4MoeArchitecture: Architecture = {
  modelType: "glm4_moe",
  describe(config) {
    const c = parseFields("", glm4MoeFields, withoutAliases(config, glm4Moe));
    const heads = headSizes(c);
    const modules = {
      ...BLOCK,
      ...HEAD_NORMS,
      ...LLAMA_MLP,
      ...sharedExpert("shared_experts"),
      post_attention_layernorm: "post_attention_norm",
      "mlp.gate.e_score_correction_bias": "exp_probs_b.bias",
    };
    const to = newDescription({ name: "glm4moe", modules, biases: QKV });
    setLlamaLike(to, c, heads, { rope: ropeParameters(c, { rotated: 1 }) });
    setExperts(to, c.n_routed_experts, c.num_experts_per_tok);
    setAll(to, {
      expert_feed_forward_length: u32(c.moe_intermediate_size),
      expert_shared_count: u32(c.n_shared_experts),
      leading_dense_block_count: u32(c.first_k_dense_replace),
      expert_weights_scale: f32(c.routed_scaling_factor),
      expert_weights_norm: flagValue(c.norm_topk_prob),
      expert_gating_func: u32(SIGMOID),
    });
    return to;
  },
};

/** Below this llama.cpp lets no sum of the chosen experts' weights come. */
const LEAST_SUM = 2 ** -14;

/** Its files rotate neighbours, as llama.cpp does. */
export const ernieMoeArchitecture: Architecture = {
  modelType: "ernie4_5_moe",
  describe(config) {
    const c = parseFields("", ernieMoeFields, withoutAliases(config, ernie45Moe));
    const heads = headSizes(c);
    const modules = {
      ...BLOCK,
      ...LLAMA_MLP,
      ...sharedExpert("shared_experts"),
      "mlp.moe_statics.e_score_correction_bias": "exp_probs_b.bias",
    };
    const to = newDescription({ name: "ernie4_5-moe", modules });
    setLlamaLike(to, c, heads, { rope: ropeParameters(c, { theta: 500_000 }) });
    setExperts(to, c.moe_num_experts, c.moe_k);
    setAll(to, {
      expert_feed_forward_length: u32(c.moe_intermediate_size),
      expert_shared_feed_forward_length: u32(c.moe_intermediate_size * c.moe_num_shared_experts),
      interleave_moe_layer_step: u32(1),
      leading_dense_block_count: u32(c.moe_layer_start_index),
    });
    const last = c.moe_layer_end_index === -1 ? c.num_hidden_layers - 1 : c.moe_layer_end_index;
    requireAll(to, {
      use_bias: [c.use_bias, false],
      moe_layer_interval: [c.moe_layer_interval, 1],
      moe_layer_end_index: [Math.min(last, c.num_hidden_layers - 1), c.num_hidden_layers - 1],
    });
    if (c.moe_norm_min > LEAST_SUM)
      to.faults.push({
        place: "moe_norm_min",
        problem: "llama.cpp divides by no less than 2 ** -14",
        expected: `at most ${LEAST_SUM}`,
        got: String(c.moe_norm_min),
      });
    return to;
  },
};
