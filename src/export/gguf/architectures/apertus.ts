import { BETA, EPS, readApertus } from "../../../models/families/apertus.ts";
import { headSizes } from "../../../models/layers.ts";
import { f32 } from "../gguf_header.ts";
import {
  type Architecture,
  HEAD_NORMS,
  LLAMA_ATTENTION,
  newDescription,
  setRmsNorm,
  setSizes,
} from "./description.ts";
import { setRope } from "./rope.ts";

const { input_layernorm: attentionNorm, ...ATTENTION } = LLAMA_ATTENTION;
const MODULES = {
  ...ATTENTION,
  ...HEAD_NORMS,
  attention_layernorm: attentionNorm,
  feedforward_layernorm: "ffn_norm",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};
const SLOPES = { "mlp.act_fn.alpha_n": "xielu.alpha_n", "mlp.act_fn.alpha_p": "xielu.alpha_p" };

/** The slopes of its activation are settings to llama.cpp. */
export const apertus: Architecture = {
  modelType: "apertus",
  describe(config) {
    const { c, rope } = readApertus(config);
    const heads = headSizes(c);
    const to = newDescription({ name: "apertus", modules: MODULES, learned: SLOPES, head: "required" });
    setSizes(to, c, heads);
    setRmsNorm(to, c.rms_norm_eps);
    setRope(to, rope, { E: heads.E, factors: true });
    to.plain.set("xielu.beta", f32(BETA));
    to.plain.set("xielu.eps", f32(EPS));
    return to;
  },
};
