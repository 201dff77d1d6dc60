/** Gemma's generations. Norms are kept plus 1, and the two older ones have no output layer of their own. */
import type { ActivationName } from "../../../models/config.ts";
import { parseFields } from "../../../models/config.ts";
import { gemmaActivation, gemmaFields } from "../../../models/families/gemma.ts";
import { gemma2Fields } from "../../../models/families/gemma2.ts";
import { gemma3Fields, gemma3Ropes } from "../../../models/families/gemma3_text.ts";
import { slidingLayers } from "../../../models/layer_types.ts";
import { headSizes } from "../../../models/layers.ts";
import { type RopeParameters, ropeParameters } from "../../../models/rope_config.ts";
import { f32, u32 } from "../gguf_header.ts";
import {
  type Architecture,
  type Description,
  HEAD_NORMS,
  LLAMA_ATTENTION,
  LLAMA_BLOCK,
  LLAMA_MLP,
  newDescription,
  QKV,
  requireActivation,
  setAll,
  setRmsNorm,
  setSizes,
} from "./description.ts";
import { setRope } from "./rope.ts";

export const gemma: Architecture = {
  modelType: "gemma",
  describe(config) {
    const c = parseFields("", gemmaFields, config);
    const heads = headSizes(c);
    const to = newDescription({ name: "gemma", modules: LLAMA_BLOCK, biases: QKV, head: "tied" });
    setSizes(to, c, heads);
    setRmsNorm(to, c.rms_norm_eps);
    setRope(to, ropeParameters(c), { E: heads.E });
    requireActivation(to, "hidden_act", gemmaActivation(c) as ActivationName, "gelu");
    return to;
  },
};

export const SANDWICH = {
  ...LLAMA_ATTENTION,
  ...LLAMA_MLP,
  post_attention_layernorm: "post_attention_norm",
  pre_feedforward_layernorm: "ffn_norm",
  post_feedforward_layernorm: "post_ffw_norm",
};

/** Layers of the one size of Gemma 2, and of 3, whose scores llama.cpp scales by the hidden size. */
const LARGEST = { gemma2: 46, gemma3: 62 } as const;

export const gemma2: Architecture = {
  modelType: "gemma2",
  describe(config) {
    const c = parseFields("", gemma2Fields, config);
    const heads = headSizes(c);
    const to = newDescription({ name: "gemma2", modules: SANDWICH, biases: QKV, head: "tied" });
    setSizes(to, c, heads);
    setRmsNorm(to, c.rms_norm_eps);
    setRope(to, ropeParameters(c), { E: heads.E });
    requireActivation(to, "hidden_activation", c.hidden_activation, "gelu");
    requireScale(to, c, heads.E, LARGEST.gemma2);
    for (const key of ["attn_logit_softcapping", "final_logit_softcapping"] as const)
      if (c[key] === null)
        to.faults.push({
          place: key,
          problem: "llama.cpp computes gemma2 with a bound",
          expected: "a number",
          got: "null",
        });
      else setAll(to, { [key]: f32(c[key]) });
    const slides = slidingLayers(c, (layer) => layer % 2 === 0);
    setWindows(to, c, c.sliding_window ? slides : slides.map(() => false), 2);
    return to;
  },
};

export const gemma3: Architecture = {
  modelType: "gemma3_text",
  describe(config) {
    const c = parseFields("", gemma3Fields, config);
    const [heads, ropes] = [headSizes(c), gemma3Ropes(c)];
    const to = newDescription({ name: "gemma3", modules: { ...SANDWICH, ...HEAD_NORMS }, biases: QKV });
    setSizes(to, c, heads);
    setRmsNorm(to, c.rms_norm_eps);
    setRope(to, ropes.full, { E: heads.E, place: "rope_parameters.full_attention" });
    requireActivation(to, "hidden_activation", c.hidden_activation, "gelu");
    requireScale(to, c, heads.E, LARGEST.gemma3);
    if (c.final_logit_softcapping) setAll(to, { final_logit_softcapping: f32(c.final_logit_softcapping) });
    const slides = slidingLayers(c, (layer) => (layer + 1) % c.sliding_window_pattern !== 0);
    if (!slides.includes(true)) return to;
    setSlidingRope(to, ropes);
    setWindows(to, c, slides, 6);
    return to;
  },
};

/** The rotation of layers with a window, beside that of the others. */
export function setSlidingRope(to: Description, { sliding, full }: Ropes): void {
  if (sliding.type !== "default")
    to.faults.push({
      place: "rope_parameters.sliding_attention.rope_type",
      problem: "llama.cpp scales the rotation of layers without a window only",
      got: JSON.stringify(sliding.type),
    });
  if (full.type === "yarn")
    to.faults.push({
      place: "rope_parameters.full_attention.rope_type",
      problem: "llama.cpp would scale the layers with a window, too",
      got: '"yarn"',
    });
  setAll(to, { "rope.freq_base_swa": f32(sliding.theta) });
}

interface Ropes {
  sliding: RopeParameters;
  full: RopeParameters;
}

interface Scaled {
  query_pre_attn_scalar: number;
  num_hidden_layers: number;
  hidden_size: number;
  num_attention_heads: number;
}

function requireScale(to: Description, c: Scaled, E: number, largest: number): void {
  const wanted = c.num_hidden_layers === largest ? Math.floor(c.hidden_size / c.num_attention_heads) : E;
  if (c.query_pre_attn_scalar !== wanted)
    to.faults.push({
      place: "query_pre_attn_scalar",
      problem: `llama.cpp scales the scores of ${to.name} by the size of a head`,
      expected: String(wanted),
      got: String(c.query_pre_attn_scalar),
    });
}

interface Windowed {
  sliding_window: number | null;
  max_position_embeddings?: number | null;
}

/** @param usual the period that llama.cpp assumes by default: the last layer of each period sees all. */
export function setWindows(to: Description, c: Windowed, slides: readonly boolean[], usual: number): void {
  const period = slides.includes(true) ? periodOf(slides) : 1;
  if (period === undefined) {
    to.faults.push({
      place: "layer_types",
      problem: `llama.cpp computes ${to.name} with windows on all but the last of every so many layers`,
      got: JSON.stringify(slides.map((is) => (is ? "sliding_attention" : "full_attention"))),
    });
    return;
  }
  setAll(to, { "attention.sliding_window": u32(c.sliding_window ?? c.max_position_embeddings ?? 0) });
  if (period !== usual) setAll(to, { "attention.sliding_window_pattern": u32(period) });
}

function periodOf(slides: readonly boolean[]): number | undefined {
  const periods = Array.from({ length: slides.length + 1 }, (_, i) => i + 1);
  return periods.find((period) => slides.every((is, layer) => is === layer % period < period - 1));
}
