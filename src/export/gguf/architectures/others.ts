import { parseFields } from "../../../models/config.ts";
import { cohereFields } from "../../../models/families/cohere.ts";
import { olmo2Fields } from "../../../models/families/olmo2.ts";
import { PHI3_ROPE, phi3Fields } from "../../../models/families/phi3.ts";
import { starcoder2Fields } from "../../../models/families/starcoder2.ts";
import { headSizes } from "../../../models/layers.ts";
import { ropeParameters } from "../../../models/rope_config.ts";
import { f32, u32 } from "../gguf_header.ts";
import {
  type Architecture,
  HEAD_NORMS,
  LLAMA_ATTENTION,
  LLAMA_MLP,
  newDescription,
  QKV,
  requireActivation,
  requireDerivedHeads,
  requireNoWindow,
  setAll,
  setLayerNorm,
  setSizes,
} from "./description.ts";
import { zeroBias } from "./gpt.ts";
import { setLlamaLike } from "./llama_like.ts";
import { setRope } from "./rope.ts";

const PHI3_BLOCK = {
  input_layernorm: "attn_norm",
  "self_attn.qkv_proj": "attn_qkv",
  "self_attn.o_proj": "attn_output",
  post_attention_layernorm: "ffn_norm",
  "mlp.gate_up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};

/** llama.cpp chooses between the two sets of a longrope's factors by the context it is given, not by the text's length. */
export const phi3: Architecture = {
  modelType: "phi3",
  describe(config) {
    const c = parseFields("", phi3Fields, config);
    const heads = headSizes(c);
    const to = newDescription({ name: "phi3", modules: PHI3_BLOCK });
    setLlamaLike(to, c, heads, { rope: ropeParameters(c, PHI3_ROPE), factors: true });
    setAll(to, { "attention.sliding_window": u32(0) });
    requireDerivedHeads(to, c.hidden_size, heads);
    requireNoWindow(to, [c.sliding_window ?? undefined], c.max_position_embeddings);
    return to;
  },
};

export const OLMO2_BLOCK = {
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  ...HEAD_NORMS,
  post_attention_layernorm: "post_attention_norm",
  post_feedforward_layernorm: "post_ffw_norm",
  ...LLAMA_MLP,
};

export const olmo2: Architecture = {
  modelType: "olmo2",
  describe(config) {
    const c = parseFields("", olmo2Fields, config);
    const heads = headSizes(c);
    const to = newDescription({ name: "olmo2", modules: OLMO2_BLOCK, head: "required" });
    setLlamaLike(to, c, heads, { rope: ropeParameters(c) });
    requireDerivedHeads(to, c.hidden_size, heads);
    return to;
  },
};

const STARCODER2_BLOCK = {
  ...LLAMA_ATTENTION,
  post_attention_layernorm: "ffn_norm",
  "mlp.c_fc": "ffn_up",
  "mlp.c_proj": "ffn_down",
};
const STARCODER2_BIASES = [...QKV, "attn_norm", "attn_output", "ffn_norm", "ffn_up", "ffn_down"];

export const starcoder2: Architecture = {
  modelType: "starcoder2",
  describe(config) {
    const c = parseFields("", starcoder2Fields, config);
    const heads = headSizes(c);
    const to = newDescription({ name: "starcoder2", modules: STARCODER2_BLOCK, biases: STARCODER2_BIASES });
    setSizes(to, c, heads);
    setLayerNorm(to, c.norm_epsilon);
    setRope(to, ropeParameters(c), { E: heads.E });
    requireActivation(to, "hidden_act", c.hidden_act, "gelu");
    requireDerivedHeads(to, c.hidden_size, heads);
    requireNoWindow(to, [c.sliding_window ?? undefined], c.max_position_embeddings);
    if (!c.use_bias)
      for (let layer = 0; layer < c.num_hidden_layers; layer++) {
        zeroBias(to.extras, `blk.${layer}.attn_output`, c.hidden_size);
        zeroBias(to.extras, `blk.${layer}.ffn_up`, c.intermediate_size);
        zeroBias(to.extras, `blk.${layer}.ffn_down`, c.hidden_size);
      }
    return to;
  },
};

/** llama.cpp norms queries and keys from 64 layers on, and below has nothing for them. */
const COMMAND_R_PLUS = 64;

export const cohere: Architecture = {
  modelType: "cohere",
  describe(config) {
    const c = parseFields("", cohereFields, config);
    const [heads, isPlus] = [headSizes(c), c.num_hidden_layers >= COMMAND_R_PLUS];
    const modules = { ...LLAMA_ATTENTION, ...LLAMA_MLP, ...HEAD_NORMS };
    const to = newDescription({ name: "command-r", modules, biases: QKV, head: "tied" });
    setSizes(to, c, heads);
    setLayerNorm(to, c.layer_norm_eps);
    setRope(to, ropeParameters(c, { theta: 500_000 }), { E: heads.E });
    setAll(to, { logit_scale: f32(c.logit_scale) });
    requireActivation(to, "hidden_act", c.hidden_act, "silu");
    requireDerivedHeads(to, c.hidden_size, heads);
    if (Boolean(c.use_qk_norm) !== isPlus)
      to.faults.push({
        place: "use_qk_norm",
        problem: `llama.cpp norms queries and keys of command-r from ${COMMAND_R_PLUS} layers on, and this model has ${c.num_hidden_layers}`,
        expected: String(isPlus),
        got: String(Boolean(c.use_qk_norm)),
      });
    return to;
  },
};
