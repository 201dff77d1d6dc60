/** Gemma 4: heads of two sizes, keys and values that the last layers share, inputs for each layer, a mixture beside the MLP. */
import { parseFields } from "../../../models/config.ts";
import { gemma4Fields, gemma4Layers } from "../../../models/families/gemma4_text.ts";
import { UNIFIED_DEFAULTS } from "../../../models/families/gemma4_unified_text.ts";
import type { Config } from "../../../models/family.ts";
import type { HeadSizes } from "../../../models/layers.ts";
import type { RopeParameters } from "../../../models/rope_config.ts";
import { inverseFrequencies } from "../../../models/rotary.ts";
import { keySources } from "../../../models/shared_keys.ts";
import { f32, flags, i32s, u32 } from "../gguf_header.ts";
import {
  type Architecture,
  type Description,
  HEAD_NORMS,
  newDescription,
  requireActivation,
  setAll,
  setRmsNorm,
  setSizes,
} from "./description.ts";
import { SANDWICH } from "./gemma.ts";

export const LAYER_INPUTS = {
  embed_tokens_per_layer: "per_layer_token_embd",
  per_layer_model_projection: "per_layer_model_proj",
  per_layer_projection_norm: "per_layer_proj_norm",
};
export const LAYER_INPUT_BLOCK = {
  per_layer_input_gate: "inp_gate",
  per_layer_projection: "proj",
  post_per_layer_input_norm: "post_norm",
};
const EXPERTS = {
  "router.proj": "ffn_gate_inp",
  "router.scale": "ffn_gate_inp.scale",
  "router.per_expert_scale": "ffn_down_exps.scale",
  "experts.gate_up_proj": "ffn_gate_up_exps.weight",
  "experts.down_proj": "ffn_down_exps.weight",
  post_feedforward_layernorm_1: "post_ffw_norm_1",
  pre_feedforward_layernorm_2: "pre_ffw_norm_2",
  post_feedforward_layernorm_2: "post_ffw_norm_2",
};
const MODULES = {
  ...SANDWICH,
  ...HEAD_NORMS,
  ...LAYER_INPUT_BLOCK,
  ...EXPERTS,
  layer_scalar: "layer_output_scale.weight",
};

const gemma4Of = (modelType: string, defaults: Config = {}): Architecture => ({
  modelType,
  describe(config) {
    const c = parseFields("", gemma4Fields, { ...defaults, ...config });
    const to = newDescription({
      name: "gemma4",
      modules: MODULES,
      beside: LAYER_INPUTS,
      withoutTerms: Object.values(LAYER_INPUTS),
    });
    const { slides, heads, ropes } = gemma4Layers(c);
    const [full, sliding] = headsByKind(to, slides, heads);
    setSizes(to, c, full);
    setRmsNorm(to, c.rms_norm_eps);
    requireActivation(to, "hidden_activation", c.hidden_activation, "gelu");
    setSharing(to, c, slides);
    setRopes(to, ropes, full.E, sliding.E);
    setAll(to, {
      "attention.head_count_kv": i32s(slides.map((_, layer) => heads(layer).K)),
      "attention.key_length_swa": u32(sliding.E),
      "attention.value_length_swa": u32(sliding.E),
      "attention.sliding_window": u32(c.sliding_window),
      "attention.sliding_window_pattern": flags(slides),
      // llama.cpp takes 30 where nothing is said
      final_logit_softcapping: f32(c.final_logit_softcapping ?? 0),
      embedding_length_per_layer_input: u32(c.hidden_size_per_layer_input),
    });
    if (c.hidden_size_per_layer_input > 0) requireRows(to, c);
    if (c.enable_moe_block)
      setAll(to, {
        expert_count: u32(c.num_experts!),
        expert_used_count: u32(c.top_k_experts!),
        expert_feed_forward_length: u32(c.moe_intermediate_size!),
      });
    return to;
  },
});

export const gemma4 = gemma4Of("gemma4_text");
export const gemma4Unified = gemma4Of("gemma4_unified_text", UNIFIED_DEFAULTS);

/** The heads where all is seen, which the last layer does, and those under a window. */
function headsByKind(
  to: Description,
  slides: readonly boolean[],
  heads: (layer: number) => HeadSizes,
): [full: HeadSizes, sliding: HeadSizes] {
  const full = heads(slides.length - 1);
  const sliding = slides.includes(true) ? heads(slides.indexOf(true)) : full;
  const odd = slides.findIndex((is, layer) => heads(layer).E !== (is ? sliding : full).E);
  if (odd >= 0)
    to.faults.push({
      place: `per_layer_config.${odd}.head_dim`,
      problem: "llama.cpp's gemma4 has one size of heads for layers with a window, and one for the others",
      expected: String((slides[odd] ? sliding : full).E),
      got: String(heads(odd).E),
    });
  return [full, sliding];
}

interface Sharing {
  num_hidden_layers: number;
  num_kv_shared_layers: number;
  intermediate_size: number;
  use_double_wide_mlp: boolean;
}

function setSharing(to: Description, c: Sharing, slides: readonly boolean[]): void {
  const sources = keySources(slides, c.num_kv_shared_layers);
  const first = c.num_hidden_layers - c.num_kv_shared_layers;
  if (sources.some((source, layer) => layer >= first && source !== first - (slides[layer] ? 2 : 1)))
    to.faults.push({
      place: "num_kv_shared_layers",
      problem:
        "llama.cpp shares keys and values of the last layer before the sharing ones, which sees all, and of the one before it, which has a window",
      got: String(c.num_kv_shared_layers),
    });
  const widths = slides.map((_, layer) =>
    c.use_double_wide_mlp && layer >= first ? 2 * c.intermediate_size : c.intermediate_size,
  );
  setAll(to, {
    "attention.shared_kv_layers": u32(c.num_kv_shared_layers),
    feed_forward_length: i32s(widths),
  });
}

/** llama.cpp divides the frequencies of the layers that see all by factors: this large a one keeps a pair from turning. */
const STILL = 1e30;

function setRopes(
  to: Description,
  { full, sliding }: { full: RopeParameters; sliding: RopeParameters },
  E: number,
  slidingE: number,
): void {
  for (const [kind, rope] of Object.entries({ full, sliding })) {
    const isScaled = kind === "full" && (rope.type === "proportional" || rope.type === "linear");
    if (rope.type !== "default" && !isScaled)
      to.faults.push({
        place: `rope_parameters.${kind}_attention.rope_type`,
        problem: `llama.cpp has no such rotation for ${to.name}'s ${kind === "full" ? "layers that see all" : "layers with a window"}`,
        got: JSON.stringify(rope.type),
      });
  }
  const size = Math.trunc(E * full.rotated);
  setAll(to, {
    "rope.dimension_count": u32(size),
    "rope.dimension_count_swa": u32(Math.trunc(slidingE * sliding.rotated)),
    "rope.freq_base": f32(full.theta),
    "rope.freq_base_swa": f32(sliding.theta),
  });
  if (full.type !== "default" && full.type !== "proportional" && full.type !== "linear") return;
  const plain = inverseFrequencies({ type: "default", theta: full.theta, rotated: full.rotated }, size);
  const own = inverseFrequencies(full, size);
  const factors = Float32Array.from({ length: E / 2 }, (_, i) =>
    own[i] ? plain[i]! / own[i]! : own[i] === 0 ? STILL : 1,
  );
  to.extras.set("rope_freqs.weight", { shape: [E / 2], values: factors });
}

function requireRows(to: Description, c: { vocab_size: number; vocab_size_per_layer_input: number }): void {
  if (c.vocab_size_per_layer_input === c.vocab_size) return;
  to.faults.push({
    place: "vocab_size_per_layer_input",
    problem: "llama.cpp's second embedding has a row for each token of the first",
    expected: String(c.vocab_size),
    got: String(c.vocab_size_per_layer_input),
  });
}
