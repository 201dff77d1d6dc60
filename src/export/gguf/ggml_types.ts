/** The number types of GGUF files that attune writes: their code there, and blocks of so many values in so many bytes. */
export const GGML_TYPES = {
  F32: { code: 0, values: 1, bytes: 4 },
  F16: { code: 1, values: 1, bytes: 2 },
  Q4_0: { code: 2, values: 32, bytes: 18 },
  Q8_0: { code: 8, values: 32, bytes: 34 },
  BF16: { code: 30, values: 1, bytes: 2 },
  MXFP4: { code: 39, values: 32, bytes: 17 },
} as const;

export type GgmlType = keyof typeof GGML_TYPES;

export const bytesOf = (type: GgmlType, count: number): number =>
  (count / GGML_TYPES[type].values) * GGML_TYPES[type].bytes;

export const typeOfCode = (code: number): GgmlType | undefined =>
  (Object.keys(GGML_TYPES) as GgmlType[]).find((type) => GGML_TYPES[type].code === code);
