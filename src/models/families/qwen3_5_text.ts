/**
 * Qwen3.5, its text model: three layers with a gated delta rule to one that attends.
 * Reference: transformers, models/qwen3_5/modeling_qwen3_5.py.
 */
import { parseFields } from "../config.ts";
import { DELTA_NAMES, type DeltaParts, deltaDecoder, deltaFields } from "../delta_decoder.ts";
import type { Family } from "../family.ts";
import { gatedMlp } from "../layers.ts";

export const qwen35Text: Family = {
  modelType: "qwen3_5_text",
  names: DELTA_NAMES,
  read(config) {
    const c = parseFields("", deltaFields, config);
    const mlp = { size: c.intermediate_size, activation: c.hidden_act };
    return deltaDecoder("qwen3_5_text", c, { project, mlp: () => (p, x) => gatedMlp(p, x, mlp) });
  },
};

const project: DeltaParts["project"] = (p, x, { H, G, Dk, Dv }) => ({
  mixed: p.linear("in_proj_qkv", x, H * (2 * Dk + G * Dv)),
  z: p.linear("in_proj_z", x, H * G * Dv),
  b: p.linear("in_proj_b", x, H * G),
  a: p.linear("in_proj_a", x, H * G),
});
