import { notComputed, parseFields } from "../../../models/config.ts";
import { qwen2Fields, qwenWindows } from "../../../models/families/qwen2.ts";
import { qwen3Fields } from "../../../models/families/qwen3.ts";
import { qwen3MoeFields } from "../../../models/families/qwen3_moe.ts";
import { headSizes } from "../../../models/layers.ts";
import { ropeParameters } from "../../../models/rope_config.ts";
import { u32 } from "../gguf_header.ts";
import {
  type Architecture,
  HEAD_NORMS,
  LLAMA_ATTENTION,
  LLAMA_BLOCK,
  newDescription,
  QKV,
  requireDerivedHeads,
  requireNoWindow,
  setAll,
} from "./description.ts";
import { setLlamaLike } from "./llama_like.ts";

export const qwen2: Architecture = {
  modelType: "qwen2",
  describe(config) {
    const c = parseFields("", qwen2Fields, config);
    const heads = headSizes(c);
    const to = newDescription({ name: "qwen2", modules: LLAMA_BLOCK, biases: QKV });
    setLlamaLike(to, c, heads, { rope: ropeParameters(c) });
    requireDerivedHeads(to, c.hidden_size, heads);
    requireNoWindow(to, qwenWindows(c), c.max_position_embeddings);
    return to;
  },
};

export const qwen3: Architecture = {
  modelType: "qwen3",
  describe(config) {
    const c = parseFields("", qwen3Fields, config);
    const heads = headSizes(c);
    const to = newDescription({ name: "qwen3", modules: { ...LLAMA_BLOCK, ...HEAD_NORMS }, biases: QKV });
    setLlamaLike(to, c, heads, { rope: ropeParameters(c) });
    requireNoWindow(to, qwenWindows(c), c.max_position_embeddings);
    return to;
  },
};

const MOE_BLOCK = {
  ...LLAMA_ATTENTION,
  ...HEAD_NORMS,
  post_attention_layernorm: "ffn_norm",
  "mlp.gate": "ffn_gate_inp",
  "mlp.experts.#.gate_proj": "ffn_gate_exps",
  "mlp.experts.#.up_proj": "ffn_up_exps",
  "mlp.experts.#.down_proj": "ffn_down_exps",
};

/** Every layer is a mixture, and the chosen experts' weights are made to sum to 1. */
export const qwen3Moe: Architecture = {
  modelType: "qwen3_moe",
  describe(config) {
    const c = parseFields("", qwen3MoeFields, config);
    const heads = headSizes(c);
    const experts = c.num_local_experts ?? c.num_experts;
    if (!experts) throw notComputed([{ place: "num_experts", problem: "is missing" }]);
    const to = newDescription({ name: "qwen3moe", modules: MOE_BLOCK, biases: QKV });
    setLlamaLike(to, c, heads, { rope: ropeParameters(c) });
    setAll(to, {
      expert_count: u32(experts),
      expert_used_count: u32(c.num_experts_per_tok),
      expert_feed_forward_length: u32(c.moe_intermediate_size),
    });
    requireNoWindow(to, [(c.use_sliding_window && c.sliding_window) || undefined], c.max_position_embeddings);
    if (!c.norm_topk_prob)
      to.faults.push({
        place: "norm_topk_prob",
        problem: "llama.cpp makes the chosen experts' weights sum to 1",
        expected: "true",
        got: "false",
      });
    for (const key of ["decoder_sparse_step", "mlp_only_layers"] as const) {
      const value = c[key];
      if (value && value !== 1 && (typeof value === "number" || value.length > 0))
        to.faults.push({
          place: key,
          problem: "llama.cpp computes qwen3moe with a mixture in every layer",
          got: JSON.stringify(value),
        });
    }
    return to;
  },
};
