/** GPT-OSS: heads with a sink, and experts whose gates and ups are columns of one matrix in turn. */
import type * as z from "zod";
import { parseFields } from "../../../models/config.ts";
import { gptOss as family, GPT_OSS_ROPE, gptOssFields } from "../../../models/families/gpt_oss.ts";
import { withoutAliases } from "../../../models/families.ts";
import { layerWindows, slidingLayers } from "../../../models/layer_types.ts";
import { headSizes } from "../../../models/layers.ts";
import { ropeParameters } from "../../../models/rope_config.ts";
import { u32 } from "../gguf_header.ts";
import {
  type Architecture,
  type Cut,
  type Description,
  LLAMA_ATTENTION,
  newDescription,
  QKV,
  setAll,
  setRmsNorm,
  setSizes,
} from "./description.ts";
import { setWindows } from "./gemma.ts";
import { requireAll, setExperts } from "./mixtures.ts";
import { setRope } from "./rope.ts";

const BLOCK = {
  ...LLAMA_ATTENTION,
  "self_attn.sinks": "attn_sinks.weight",
  post_attention_layernorm: "post_attention_norm",
  "mlp.router": "ffn_gate_inp",
  "mlp.experts.gate_up_proj": "ffn_gate_up_exps.weight",
  "mlp.experts.gate_up_proj_bias": "ffn_gate_up_exps.bias",
  "mlp.experts.down_proj": "ffn_down_exps.weight",
  "mlp.experts.down_proj_bias": "ffn_down_exps.bias",
};

export const gptOss: Architecture = {
  modelType: "gpt_oss",
  describe(config) {
    const own = parseFields("", gptOssFields, withoutAliases(config, family));
    const c = { ...own, rope_parameters: own.rope_parameters ?? GPT_OSS_ROPE };
    const heads = headSizes(c);
    const to = newDescription({
      name: "gpt-oss",
      modules: BLOCK,
      biases: [...QKV, "attn_output", "ffn_gate_inp"],
      head: "required",
      cuts: expertsOf(c.num_local_experts, c.hidden_size, c.intermediate_size),
    });
    setSizes(to, c, heads);
    setRmsNorm(to, c.rms_norm_eps);
    setRope(to, ropeParameters(c, { theta: 150_000 }), { E: heads.E });
    setExperts(to, c.num_local_experts, c.num_experts_per_tok);
    setAll(to, { expert_feed_forward_length: u32(c.intermediate_size) });
    setOwnWindows(to, c);
    requireAll(to, { attention_bias: [c.attention_bias, true] });
    return to;
  },
};

const alternates = (layer: number) => layer % 2 === 0;

/** llama.cpp wants windows; one of all positions is none. */
function setOwnWindows(to: Description, c: z.output<typeof gptOssFields>): void {
  const isWindowed = layerWindows(c, alternates).some((window) => window !== undefined);
  if (isWindowed) setWindows(to, c, slidingLayers(c, alternates), 2);
  else setAll(to, { "attention.sliding_window": u32(c.max_position_embeddings ?? 0) });
}

/** The checkpoint has [n, D, 2F] and [n, F, D], their biases [n, 2F] and [n, D]. */
function expertsOf(n: number, D: number, F: number): Record<string, Cut[]> {
  const parts = [...["ffn_gate_exps", "ffn_up_exps"].entries()];
  return {
    "ffn_gate_up_exps.weight": parts.map(([part, name]) => ({
      name: `${name}.weight`,
      shape: [n, F, D],
      at: (row, column) => column * 2 * F + 2 * row + part,
    })),
    "ffn_gate_up_exps.bias": parts.map(([part, name]) => ({
      name: `${name}.bias`,
      shape: [n, F],
      at: (_, column) => 2 * column + part,
    })),
    "ffn_down_exps.weight": [
      { name: "ffn_down_exps.weight", shape: [n, D, F], at: (row, column) => column * D + row },
    ],
  };
}
