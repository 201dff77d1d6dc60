/** What --type may say: the suffix of the file's name, as transformers.js looks for it, and how matrices are kept. */
export interface OnnxType {
  readonly suffix: string;
  readonly matrices: "float32" | "float16" | { readonly bits: 4 | 8; readonly endBits: 4 | 8 };
}

/** The ends of a 4-bit file are finer: they are where 4 bits lose the most. */
export const ONNX_TYPES = {
  fp32: { suffix: "", matrices: "float32" },
  fp16: { suffix: "_fp16", matrices: "float16" },
  q8: { suffix: "_quantized", matrices: { bits: 8, endBits: 8 } },
  q4: { suffix: "_q4", matrices: { bits: 4, endBits: 8 } },
} as const satisfies Record<string, OnnxType>;

export type OnnxTypeName = keyof typeof ONNX_TYPES;
