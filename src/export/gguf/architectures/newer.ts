/** Families that llama.cpp computes much as Llama: RMS norms, and rotations of halves or of neighbours. */
import { parseFields } from "../../../models/config.ts";
import { arceeFields } from "../../../models/families/arcee.ts";
import { ernie45Fields } from "../../../models/families/ernie4_5.ts";
import { exaone4Fields } from "../../../models/families/exaone4.ts";
import { glmFields } from "../../../models/families/glm.ts";
import { hunyuanFields, hunyuanRope } from "../../../models/families/hunyuan_v1_dense.ts";
import { olmo3Fields } from "../../../models/families/olmo3.ts";
import { seedOssFields } from "../../../models/families/seed_oss.ts";
import { readRopesByLayer } from "../../../models/layer_ropes.ts";
import { slidingLayers } from "../../../models/layer_types.ts";
import { headSizes } from "../../../models/layers.ts";
import { ropeParameters } from "../../../models/rope_config.ts";
import { f32 } from "../gguf_header.ts";
import {
  type Architecture,
  HEAD_NORMS,
  LLAMA_ATTENTION,
  LLAMA_BLOCK,
  LLAMA_MLP,
  newDescription,
  permutedHeads,
  QKV,
  requireActivation,
  requireDerivedHeads,
  setAll,
  setRmsNorm,
  setSizes,
} from "./description.ts";
import { setWindows } from "./gemma.ts";
import { setLlamaLike } from "./llama_like.ts";
import { OLMO2_BLOCK } from "./others.ts";
import { setRope } from "./rope.ts";

export const arcee: Architecture = {
  modelType: "arcee",
  describe(config) {
    const c = parseFields("", arceeFields, config);
    const heads = headSizes(c);
    const modules = {
      ...LLAMA_ATTENTION,
      post_attention_layernorm: "ffn_norm",
      "mlp.up_proj": "ffn_up",
      "mlp.down_proj": "ffn_down",
    };
    const to = newDescription({ name: "arcee", modules, biases: QKV, orders: permutedHeads(heads.E) });
    setSizes(to, c, heads);
    setRmsNorm(to, c.rms_norm_eps);
    setRope(to, ropeParameters(c), { E: heads.E, factors: true });
    requireActivation(to, "hidden_act", c.hidden_act, "relu2");
    return to;
  },
};

export const seedOss: Architecture = {
  modelType: "seed_oss",
  describe(config) {
    const c = parseFields("", seedOssFields, config);
    const modules = { ...LLAMA_BLOCK, post_attention_layernorm: "post_attention_norm" };
    const to = newDescription({ name: "seed_oss", modules, biases: QKV });
    setLlamaLike(to, c, headSizes(c), { rope: ropeParameters(c) });
    return to;
  },
};

/** Its files rotate neighbours, as llama.cpp does. */
export const ernie45: Architecture = {
  modelType: "ernie4_5",
  describe(config) {
    const c = parseFields("", ernie45Fields, config);
    const to = newDescription({ name: "ernie4_5", modules: LLAMA_BLOCK, biases: [...QKV, "attn_output"] });
    setLlamaLike(to, c, headSizes(c), { rope: ropeParameters(c, { theta: 500_000 }) });
    return to;
  },
};

export const hunyuanDense: Architecture = {
  modelType: "hunyuan_v1_dense",
  describe(config) {
    const c = parseFields("", hunyuanFields, config);
    const heads = headSizes(c);
    const modules = {
      ...LLAMA_BLOCK,
      "self_attn.query_layernorm": "attn_q_norm",
      "self_attn.key_layernorm": "attn_k_norm",
    };
    const to = newDescription({ name: "hunyuan-dense", modules, biases: QKV });
    setLlamaLike(to, c, heads, { rope: hunyuanRope(c, heads.E) });
    return to;
  },
};

const GLM_BLOCK = {
  ...LLAMA_ATTENTION,
  post_attention_layernorm: "ffn_norm",
  "mlp.gate_up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};

/** GLM's files rotate neighbours, as llama.cpp does. */
const glmOf = (modelType: string, name: string, modules: Record<string, string>): Architecture => ({
  modelType,
  describe(config) {
    const c = parseFields("", glmFields, config);
    const heads = headSizes(c);
    const to = newDescription({ name, modules, biases: QKV });
    setLlamaLike(to, c, heads, { rope: ropeParameters(c, { rotated: 0.5 }) });
    if (name === "chatglm") requireDerivedHeads(to, c.hidden_size, heads);
    return to;
  },
});

export const glm = glmOf("glm", "chatglm", GLM_BLOCK);
export const glm4 = glmOf("glm4", "glm4", {
  ...GLM_BLOCK,
  post_self_attn_layernorm: "post_attention_norm",
  post_mlp_layernorm: "post_ffw_norm",
});

/** Stretched are the layers alone that see all. */
export const olmo3: Architecture = {
  modelType: "olmo3",
  describe(config) {
    const c = parseFields("", olmo3Fields, config);
    const [heads, ropes] = [headSizes(c), readRopesByLayer(c, { full: 500_000, sliding: 500_000 })];
    const to = newDescription({ name: "olmo2", modules: OLMO2_BLOCK, head: "required" });
    setSizes(to, c, heads);
    setRmsNorm(to, c.rms_norm_eps);
    setRope(to, ropes.full, { E: heads.E, place: "rope_parameters.full_attention" });
    requireActivation(to, "hidden_act", c.hidden_act, "silu");
    requireDerivedHeads(to, c.hidden_size, heads);
    if (ropes.sliding.type !== "default")
      to.faults.push({
        place: "rope_parameters.sliding_attention.rope_type",
        problem: "llama.cpp scales the rotation of layers without a window only",
        got: JSON.stringify(ropes.sliding.type),
      });
    const slides = slidingLayers(c, (layer) => (layer + 1) % 4 !== 0);
    if (!slides.includes(true)) return to;
    setAll(to, { "rope.freq_base_swa": f32(ropes.sliding.theta) });
    setWindows(to, c, slides, 4);
    return to;
  },
};

/** llama.cpp knows windows of the size with 64 layers, and of no others. */
const EXAONE4_LARGE = 64;

export const exaone4: Architecture = {
  modelType: "exaone4",
  describe(config) {
    const c = parseFields("", exaone4Fields, config);
    const heads = headSizes(c);
    const { input_layernorm: _, ...attention } = LLAMA_ATTENTION;
    const modules = {
      ...attention,
      ...HEAD_NORMS,
      post_attention_layernorm: "post_attention_norm",
      post_feedforward_layernorm: "post_ffw_norm",
      ...LLAMA_MLP,
    };
    const to = newDescription({ name: "exaone4", modules });
    setLlamaLike(to, c, heads, { rope: ropeParameters(c), factors: true });
    requireDerivedHeads(to, c.hidden_size, heads);
    const isLarge = c.num_hidden_layers === EXAONE4_LARGE;
    if ((c.sliding_window !== null) !== isLarge)
      to.faults.push({
        place: "sliding_window",
        problem: `llama.cpp computes exaone4 with windows where it has ${EXAONE4_LARGE} layers, and this model has ${c.num_hidden_layers}`,
        expected: isLarge ? "a number" : "null",
        got: String(c.sliding_window),
      });
    else if (c.sliding_window !== null)
      setWindows(
        to,
        c,
        slidingLayers(c, (layer) => (layer + 1) % 4 !== 0),
        4,
      );
    return to;
  },
};
