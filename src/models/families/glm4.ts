/** GLM-4-0414 and GLM-Z1: GLM with a norm behind each half of a block too. Reference: transformers, models/glm4/modeling_glm4.py. */
import { sandwichBlock } from "../blocks.ts";
import type { Family } from "../family.ts";
import { readGlm } from "./glm.ts";

const NORMS = {
  attentionNorm: "input_layernorm",
  attendedNorm: "post_self_attn_layernorm",
  mlpNorm: "post_attention_layernorm",
  addedNorm: "post_mlp_layernorm",
};

export const glm4: Family = {
  modelType: "glm4",
  read: (config) =>
    readGlm("glm4", config, (norm, attention, mlp) => sandwichBlock(norm, attention, mlp, NORMS)),
};
