/** What llama.cpp computes as Llama, or almost: neighbours are rotated, so rows of queries and keys change places. */
import { parseFields } from "../../../models/config.ts";
import { graniteFields } from "../../../models/families/granite.ts";
import { granitemoehybrid, hybridFields } from "../../../models/families/granitemoehybrid.ts";
import { llamaFields } from "../../../models/families/llama.ts";
import { readMinistral3 } from "../../../models/families/ministral3.ts";
import { mistralFields } from "../../../models/families/mistral.ts";
import { mixtral as mixtralFamily, mixtralFields } from "../../../models/families/mixtral.ts";
import { rotatedLayers, smollm3Fields } from "../../../models/families/smollm3.ts";
import { withoutAliases } from "../../../models/families.ts";
import { layerWindows } from "../../../models/layer_types.ts";
import { headSizes } from "../../../models/layers.ts";
import { ropeParameters } from "../../../models/rope_config.ts";
import { f32, flagValue, u32 } from "../gguf_header.ts";
import {
  type Architecture,
  type Description,
  LLAMA_ATTENTION,
  LLAMA_BLOCK,
  newDescription,
  permutedHeads,
  QKV,
  requireNoWindow,
  setAll,
  upperAndLower,
} from "./description.ts";
import { setLlamaLike } from "./llama_like.ts";

const BIASES = [...QKV, "attn_output", "ffn_gate", "ffn_up", "ffn_down"];

export const llama: Architecture = {
  modelType: "llama",
  describe(config) {
    const c = parseFields("", llamaFields, config);
    const heads = headSizes(c);
    const to = newDescription({
      name: "llama",
      modules: LLAMA_BLOCK,
      biases: BIASES,
      orders: permutedHeads(heads.E),
    });
    setLlamaLike(to, c, heads, { rope: ropeParameters(c), factors: true });
    return to;
  },
};

export const mistral: Architecture = {
  modelType: "mistral",
  describe(config) {
    const c = parseFields("", mistralFields, config);
    const heads = headSizes(c);
    const to = newDescription({ name: "llama", modules: LLAMA_BLOCK, orders: permutedHeads(heads.E) });
    setLlamaLike(to, c, heads, { rope: ropeParameters(c), factors: true });
    requireNoWindow(
      to,
      layerWindows(c, () => true),
      c.max_position_embeddings,
    );
    return to;
  },
};

/** Queries grow with their position. */
export const ministral3: Architecture = {
  modelType: "ministral3",
  describe(config) {
    const { c, growth } = readMinistral3(config);
    const [heads, rope] = [headSizes(c), ropeParameters(c)];
    const to = newDescription({ name: "mistral3", modules: LLAMA_BLOCK, orders: permutedHeads(heads.E) });
    setLlamaLike(to, c, heads, { rope, factors: true });
    const original = growth.original_max_position_embeddings;
    setAll(to, {
      "attention.temperature_scale": f32(growth.llama_4_scaling_beta),
      "rope.scaling.original_context_length": u32(original),
    });
    if ("originalMaxPositions" in rope && rope.originalMaxPositions !== original)
      to.faults.push({
        place: "original_max_position_embeddings",
        problem: "llama.cpp has one length for the rotation and for the growth of queries",
        expected: String(original),
        got: String(rope.originalMaxPositions),
      });
    requireNoWindow(to, [c.sliding_window ?? undefined], c.max_position_embeddings);
    return to;
  },
};

const MIXTRAL_BLOCK = {
  ...LLAMA_ATTENTION,
  post_attention_layernorm: "ffn_norm",
  "block_sparse_moe.gate": "ffn_gate_inp",
  "block_sparse_moe.experts.#.w1": "ffn_gate_exps",
  "block_sparse_moe.experts.#.w2": "ffn_down_exps",
  "block_sparse_moe.experts.#.w3": "ffn_up_exps",
};

export const mixtral: Architecture = {
  modelType: "mixtral",
  describe(config) {
    const c = parseFields("", mixtralFields, withoutAliases(config, mixtralFamily));
    const heads = headSizes(c);
    const to = newDescription({ name: "llama", modules: MIXTRAL_BLOCK, orders: permutedHeads(heads.E) });
    setLlamaLike(to, c, heads, { rope: ropeParameters(c, { theta: 1_000_000 }), factors: true });
    setAll(to, { expert_count: u32(c.num_local_experts), expert_used_count: u32(c.num_experts_per_tok) });
    requireNoWindow(to, [c.sliding_window ?? undefined], c.max_position_embeddings);
    return to;
  },
};

/** Every fourth layer without rotation is built in. */
export const smollm3: Architecture = {
  modelType: "smollm3",
  describe(config) {
    const c = parseFields("", smollm3Fields, config);
    const [heads, rotated] = [headSizes(c), rotatedLayers(c)];
    const to = newDescription({
      name: "smollm3",
      modules: LLAMA_BLOCK,
      biases: QKV,
      orders: permutedHeads(heads.E),
    });
    setLlamaLike(to, c, heads, { rope: ropeParameters(c, { theta: 2_000_000 }) });
    if (rotated.some((isRotated, layer) => isRotated !== ((layer + 1) % 4 !== 0)))
      to.faults.push({
        place: c.no_rope_layers ? "no_rope_layers" : "no_rope_layer_interval",
        problem: "llama.cpp leaves every fourth layer of smollm3 without rotation, and no others",
        got: JSON.stringify(c.no_rope_layers ?? c.no_rope_layer_interval),
      });
    const windows = layerWindows(c, (layer) => c.use_sliding_window && !rotated[layer]);
    requireNoWindow(to, windows, c.max_position_embeddings);
    return to;
  },
};

export const granite: Architecture = {
  modelType: "granite",
  describe(config) {
    const c = parseFields("", graniteFields, config);
    const heads = headSizes(c);
    const to = newDescription({
      name: "granite",
      modules: LLAMA_BLOCK,
      biases: BIASES,
      orders: permutedHeads(heads.E),
    });
    setLlamaLike(to, c, heads, { rope: ropeParameters(c), factors: true });
    setGraniteFactors(to, c);
    return to;
  },
};

/** Gate and up are one layer, and sizes without a rotation say so. */
export const graniteHybrid: Architecture = {
  modelType: "granitemoehybrid",
  describe(config) {
    const c = parseFields("", hybridFields, withoutAliases(config, granitemoehybrid));
    const [heads, F] = [headSizes(c), c.shared_intermediate_size];
    const to = newDescription({
      name: "granite",
      modules: {
        ...LLAMA_ATTENTION,
        post_attention_layernorm: "ffn_norm",
        "shared_mlp.input_linear": "ffn_gate",
        "shared_mlp.output_linear": "ffn_down",
      },
      biases: [...QKV, "attn_output"],
      orders: permutedHeads(heads.E),
      parts: { ffn_gate: upperAndLower(["ffn_gate", "ffn_up"], F) },
    });
    const sizes = { ...c, intermediate_size: F };
    setLlamaLike(to, sizes, heads, { rope: ropeParameters(c), factors: true });
    setGraniteFactors(to, c);
    setAll(to, { "rope.scaling.finetuned": flagValue(c.position_embedding_type === "rope") });
    return to;
  },
};

type Factors = Record<
  "attention_multiplier" | "embedding_multiplier" | "residual_multiplier" | "logits_scaling",
  number
>;

export const setGraniteFactors = (to: Description, c: Factors): void =>
  setAll(to, {
    "attention.scale": f32(c.attention_multiplier),
    embedding_scale: f32(c.embedding_multiplier),
    residual_scale: f32(c.residual_multiplier),
    logit_scale: f32(c.logits_scaling),
  });
