/**
 * VaultGemma: Gemma 2 without the norms behind the halves of a block.
 * Reference: transformers, models/vaultgemma/modeling_vaultgemma.py, with eager attention, as for Gemma 2.
 */
import { preNormBlock } from "../blocks.ts";
import type { Family } from "../family.ts";
import { readGemma2 } from "./gemma2.ts";

export const vaultgemma: Family = {
  modelType: "vaultgemma",
  read: (config) =>
    readGemma2("vaultgemma", config, (norm, attention, mlp) =>
      preNormBlock(norm, attention, mlp, { mlpNorm: "pre_feedforward_layernorm" }),
    ),
};
