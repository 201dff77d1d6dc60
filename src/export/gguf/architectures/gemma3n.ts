/** Gemma 3n: streams that take turns, an input for each layer, keys and values that the last layers share. Most sizes are built in. */
import { parseFields } from "../../../models/config.ts";
import { gemma3nFields, gemma3nLayers, perLayer } from "../../../models/families/gemma3n_text.ts";
import { type HeadSizes, headSizes } from "../../../models/layers.ts";
import { f32s, u32 } from "../gguf_header.ts";
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
import { SANDWICH, setSlidingRope, setWindows } from "./gemma.ts";
import { LAYER_INPUT_BLOCK, LAYER_INPUTS } from "./gemma4.ts";
import { requireAll } from "./mixtures.ts";
import { setRope } from "./rope.ts";

const STREAMS = {
  "altup_projections.#": "altup_proj",
  "altup_unembed_projections.#": "altup_unembd_proj",
};
const BESIDE = { ...LAYER_INPUTS, ...STREAMS };
const MODULES = {
  ...SANDWICH,
  ...HEAD_NORMS,
  ...LAYER_INPUT_BLOCK,
  "altup.correction_coefs": "altup_correct_coef",
  "altup.prediction_coefs": "altup_predict_coef",
  "altup.modality_router": "altup_router",
  "altup.router_norm": "altup_router_norm",
  "altup.correct_output_scale": "altup_correct_scale.weight",
  "laurel.linear_left": "laurel_l",
  "laurel.linear_right": "laurel_r",
  "laurel.post_laurel_norm": "laurel_post_norm",
};

/** What llama.cpp has of both sizes, whatever a file says. */
const BUILT_IN = { streams: 4, layerInput: 256, laurel: 64, softcap: 30 };
const SPARSE = { layers: 10, sparsity: 0.95, deviations: 1.6448533535003662 };
/** Layers with keys and values of their own; those behind read the last ones of their kind. */
const KEYED = 20;

export const gemma3n: Architecture = {
  modelType: "gemma3n_text",
  describe(config) {
    const c = parseFields("", gemma3nFields, config);
    const [heads, layers, widths] = [headSizes(c), gemma3nLayers(c), perLayer(c, "intermediate_size")];
    const to = newDescription({
      name: "gemma3n",
      modules: MODULES,
      beside: BESIDE,
      withoutTerms: [...Object.values(BESIDE), "altup_router"],
      rows: { per_layer_token_embd: c.vocab_size },
    });
    setSizes(to, { ...c, intermediate_size: widths[0]! }, heads);
    setRmsNorm(to, c.rms_norm_eps);
    setRope(to, layers.ropes.full, { E: heads.E, place: "rope_parameters.full_attention" });
    setSlidingRope(to, layers.ropes);
    requireActivation(to, "hidden_activation", c.hidden_activation, "gelu");
    setWindows(to, c, layers.slides, 5);
    const sparsity = perLayer(c, "activation_sparsity_pattern");
    requireAll(to, {
      altup_num_inputs: [c.altup_num_inputs, BUILT_IN.streams],
      altup_active_idx: [c.altup_active_idx, 0],
      altup_correct_scale: [c.altup_correct_scale, true],
      laurel_rank: [c.laurel_rank, BUILT_IN.laurel],
      hidden_size_per_layer_input: [c.hidden_size_per_layer_input, BUILT_IN.layerInput],
      final_logit_softcapping: [c.final_logit_softcapping, BUILT_IN.softcap],
      intermediate_size: [widths, widths.map(() => widths[0])],
      activation_sparsity_pattern: [
        sparsity,
        sparsity.map((_, layer) => (layer < SPARSE.layers ? SPARSE.sparsity : 0)),
      ],
    });
    if (c.vocab_size_per_layer_input > c.vocab_size)
      to.faults.push({
        place: "vocab_size_per_layer_input",
        expected: `at most vocab_size, ${c.vocab_size}`,
        got: String(c.vocab_size_per_layer_input),
      });
    setShared(to, c, layers, heads);
    setAll(to, {
      "altup.active_idx": u32(c.altup_active_idx),
      "altup.num_inputs": u32(c.altup_num_inputs),
      embedding_length_per_layer_input: u32(c.hidden_size_per_layer_input),
      activation_sparsity_scale: f32s(
        sparsity.map((share) => (share === 0 ? Number.NEGATIVE_INFINITY : SPARSE.deviations)),
      ),
    });
    return to;
  },
};

/** llama.cpp wants keys and values of the sharing layers, too, and never reads them. */
function setShared(
  to: Description,
  c: { num_hidden_layers: number; num_kv_shared_layers: number; hidden_size: number },
  { slides, sources }: { slides: readonly boolean[]; sources: readonly number[] },
  { K, E }: HeadSizes,
): void {
  const wanted = Math.max(0, c.num_hidden_layers - KEYED);
  requireAll(to, { num_kv_shared_layers: [c.num_kv_shared_layers, wanted] });
  if (sources.some((source, layer) => layer >= KEYED && source !== KEYED - (slides[layer] ? 2 : 1)))
    to.faults.push({
      place: "layer_types",
      problem: `llama.cpp's layers from ${KEYED} on read keys and values of layer ${KEYED - 2} under a window, of ${KEYED - 1} where they see all`,
    });
  setAll(to, { "attention.shared_kv_layers": u32(wanted) });
  const [unread, norm] = [new Float32Array(K * E * c.hidden_size), new Float32Array(E)];
  for (let layer = KEYED; layer < c.num_hidden_layers; layer++) {
    const place = `blk.${layer}`;
    for (const name of ["attn_k", "attn_v"])
      to.extras.set(`${place}.${name}.weight`, { shape: [K * E, c.hidden_size], values: unread });
    to.extras.set(`${place}.attn_k_norm.weight`, { shape: [E], values: norm });
  }
}
