import { parseFields } from "../../../models/config.ts";
import { lfm2Attends, lfm2 as lfm2Family, lfm2Fields, mlpSize } from "../../../models/families/lfm2.ts";
import { withoutAliases } from "../../../models/families.ts";
import { headSizes } from "../../../models/layers.ts";
import { ropeParameters } from "../../../models/rope_config.ts";
import { i32s, u32 } from "../gguf_header.ts";
import {
  type Architecture,
  newDescription,
  requireDerivedHeads,
  setAll,
  setRmsNorm,
  setSizes,
} from "./description.ts";
import { setRope } from "./rope.ts";

const LFM2_BLOCK = {
  operator_norm: "attn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.out_proj": "attn_output",
  "self_attn.q_layernorm": "attn_q_norm",
  "self_attn.k_layernorm": "attn_k_norm",
  "conv.in_proj": "shortconv.in_proj",
  "conv.conv": "shortconv.conv",
  "conv.out_proj": "shortconv.out_proj",
  ffn_norm: "ffn_norm",
  "feed_forward.w1": "ffn_gate",
  "feed_forward.w3": "ffn_up",
  "feed_forward.w2": "ffn_down",
};

/** A layer without key/value heads is one that convolves. */
export const lfm2: Architecture = {
  modelType: "lfm2",
  describe(config) {
    const c = parseFields("", lfm2Fields, withoutAliases(config, lfm2Family));
    const heads = headSizes(c);
    const to = newDescription({ name: "lfm2", modules: LFM2_BLOCK, outputNorm: "token_embd_norm" });
    setSizes(to, { ...c, intermediate_size: mlpSize(c) }, heads);
    setRmsNorm(to, c.norm_eps);
    setRope(to, ropeParameters(c, { theta: 1_000_000 }), { E: heads.E });
    requireDerivedHeads(to, c.hidden_size, heads);
    const layers = Array.from({ length: c.num_hidden_layers }, (_, layer) =>
      lfm2Attends(c, layer) ? heads.K : 0,
    );
    setAll(to, { "attention.head_count_kv": i32s(layers), "shortconv.l_cache": u32(c.conv_L_cache) });
    if (c.conv_bias)
      to.faults.push({
        place: "conv_bias",
        problem: "llama.cpp's convolutions have no bias",
        expected: "false",
        got: "true",
      });
    return to;
  },
};
