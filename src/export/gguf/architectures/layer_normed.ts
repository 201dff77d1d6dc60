/** Families with layer norms in place of RMS norms, or none with weights. */
import { parseFields } from "../../../models/config.ts";
import { cohere2Fields } from "../../../models/families/cohere2.ts";
import { falcon as falconFamily, falconFields } from "../../../models/families/falcon.ts";
import { nemotronFields } from "../../../models/families/nemotron.ts";
import { olmoFields } from "../../../models/families/olmo.ts";
import { phiFields } from "../../../models/families/phi.ts";
import { stablelmFields } from "../../../models/families/stablelm.ts";
import { withoutAliases } from "../../../models/families.ts";
import { slidingLayers } from "../../../models/layer_types.ts";
import { type HeadSizes, headSizes } from "../../../models/layers.ts";
import { ropeParameters } from "../../../models/rope_config.ts";
import { f32 } from "../gguf_header.ts";
import {
  type Architecture,
  type Description,
  LLAMA_ATTENTION,
  LLAMA_MLP,
  newDescription,
  permutedHeads,
  QKV,
  type RowOrder,
  requireActivation,
  requireDerivedHeads,
  setAll,
  setLayerNorm,
  setSizes,
} from "./description.ts";
import { setWindows } from "./gemma.ts";
import { setRope } from "./rope.ts";

const { input_layernorm: _, ...ATTENTION } = LLAMA_ATTENTION;

export const olmo: Architecture = {
  modelType: "olmo",
  describe(config) {
    const c = parseFields("", olmoFields, config);
    const heads = headSizes(c);
    const modules = { ...ATTENTION, ...LLAMA_MLP };
    const to = newDescription({ name: "olmo", modules, biases: QKV, orders: permutedHeads(heads.E) });
    setSizes(to, c, heads);
    setLayerNorm(to, 1e-5);
    setRope(to, ropeParameters(c), { E: heads.E });
    if (c.clip_qkv) setAll(to, { "attention.clamp_kqv": f32(c.clip_qkv) });
    requireActivation(to, "hidden_act", c.hidden_act, "silu");
    requireDerivedHeads(to, c.hidden_size, heads);
    return to;
  },
};

const NEMOTRON_BLOCK = {
  ...LLAMA_ATTENTION,
  post_attention_layernorm: "ffn_norm",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};
const NEMOTRON_BIASES = [...QKV, "attn_norm", "attn_output", "ffn_norm", "ffn_up", "ffn_down"];

export const nemotron: Architecture = {
  modelType: "nemotron",
  describe(config) {
    const c = parseFields("", nemotronFields, config);
    const heads = headSizes(c);
    const to = newDescription({
      name: "nemotron",
      modules: NEMOTRON_BLOCK,
      biases: NEMOTRON_BIASES,
      normsLessOne: true,
      head: "required",
    });
    setSizes(to, c, heads);
    setLayerNorm(to, c.norm_eps);
    setRope(to, ropeParameters(c, { rotated: 0.5 }), { E: heads.E });
    requireActivation(to, "hidden_act", c.hidden_act, "relu2");
    requireDerivedHeads(to, c.hidden_size, heads);
    return to;
  },
};

/** Its files rotate neighbours, as llama.cpp does: layers with a window alone. */
export const cohere2: Architecture = {
  modelType: "cohere2",
  describe(config) {
    const c = parseFields("", cohere2Fields, { ...config, head_dim: undefined });
    const heads = headSizes(c);
    const modules = { ...LLAMA_ATTENTION, ...LLAMA_MLP };
    const to = newDescription({ name: "cohere2", modules, biases: QKV, head: "tied" });
    setSizes(to, c, heads);
    setLayerNorm(to, c.layer_norm_eps);
    setRope(to, ropeParameters(c), { E: heads.E });
    setAll(to, { logit_scale: f32(c.logit_scale) });
    requireActivation(to, "hidden_act", c.hidden_act, "silu");
    const slides = slidingLayers(c, (layer) => (layer + 1) % c.sliding_window_pattern !== 0);
    setWindows(to, c, slides, 4);
    return to;
  },
};

export const stablelm: Architecture = {
  modelType: "stablelm",
  describe(config) {
    const c = parseFields("", stablelmFields, config);
    const heads = headSizes({ ...c, head_dim: undefined });
    const modules = { ...LLAMA_ATTENTION, ...LLAMA_MLP, post_attention_layernorm: "ffn_norm" };
    const biases = [...QKV, "attn_norm", "ffn_norm"];
    const to = newDescription({ name: "stablelm", modules, biases, head: "required" });
    setSizes(to, c, heads);
    setLayerNorm(to, c.layer_norm_eps);
    setRope(to, ropeParameters(c, { rotated: 0.25 }), { E: heads.E });
    requireActivation(to, "hidden_act", c.hidden_act, "silu");
    requireOff(to, "qk_layernorm", c.qk_layernorm, "a norm of each head's own");
    return to;
  },
};

const PHI2_BLOCK = {
  input_layernorm: "attn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.dense": "attn_output",
  "mlp.fc1": "ffn_up",
  "mlp.fc2": "ffn_down",
};

export const phi: Architecture = {
  modelType: "phi",
  describe(config) {
    const c = parseFields("", phiFields, config);
    const heads = headSizes(c);
    const biases = [...QKV, "attn_norm", "attn_output", "ffn_up", "ffn_down"];
    const to = newDescription({ name: "phi2", modules: PHI2_BLOCK, biases, head: "required" });
    setSizes(to, c, heads);
    setLayerNorm(to, c.layer_norm_eps);
    setRope(to, ropeParameters(c, { rotated: 0.5 }), { E: heads.E });
    requireActivation(to, "hidden_act", c.hidden_act, "gelu");
    requireDerivedHeads(to, c.hidden_size, heads);
    requireOff(to, "qk_layernorm", c.qk_layernorm, "norms of queries and keys");
    return to;
  },
};

export const falcon: Architecture = {
  modelType: "falcon",
  describe(config) {
    const c = parseFields("", falconFields, withoutAliases(config, falconFamily));
    const groups = c.new_decoder_architecture ? c.num_kv_heads : c.multi_query ? 1 : undefined;
    const heads = headSizes({ ...c, head_dim: undefined, num_key_value_heads: groups });
    const isTwice =
      c.parallel_attn && (c.num_ln_in_parallel_attn ?? (c.new_decoder_architecture ? 2 : 1)) === 2;
    const modules = {
      ...(isTwice ? { ln_attn: "attn_norm_2", ln_mlp: "attn_norm" } : { input_layernorm: "attn_norm" }),
      "self_attention.query_key_value": "attn_qkv",
      "self_attention.dense": "attn_output",
      "mlp.dense_h_to_4h": "ffn_up",
      "mlp.dense_4h_to_h": "ffn_down",
    };
    const orders = { attn_qkv: apartFromGroups(heads) };
    const biases = ["attn_norm", "attn_norm_2"];
    const to = newDescription({ name: "falcon", modules, biases, orders });
    setSizes(to, { ...c, intermediate_size: c.ffn_hidden_size ?? 4 * c.hidden_size }, heads);
    setLayerNorm(to, c.layer_norm_epsilon);
    setRope(to, ropeParameters(c), { E: heads.E });
    requireActivation(to, "activation", c.activation, "gelu");
    requireOff(to, "bias", c.bias, "biases");
    if (!c.parallel_attn)
      to.faults.push({
        place: "parallel_attn",
        problem: "llama.cpp computes falcon's attention beside its MLP",
        expected: "true",
        got: "false",
      });
    return to;
  },
};

/** Files have each group's queries, key and value side by side; llama.cpp all queries, all keys, all values. */
function apartFromGroups({ K, G, E }: HeadSizes): RowOrder {
  return (row) => {
    const [head, within] = [Math.floor(row / E), row % E];
    const [group, place] =
      head < K * G
        ? [Math.floor(head / G), head % G]
        : [(head - K * G) % K, G + Math.floor((head - K * G) / K)];
    return (group * (G + 2) + place) * E + within;
  };
}

function requireOff(to: Description, place: string, value: boolean, what: string): void {
  if (value)
    to.faults.push({
      place,
      problem: `llama.cpp computes ${to.name} without ${what}`,
      expected: "false",
      got: "true",
    });
}
