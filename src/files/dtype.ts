import type { Dtype } from "./safetensors_header.ts";

/** Types of weights as safetensors names them, by the names that PyTorch (so transformers' config.json) has for them. */
export const TORCH_DTYPES = { float32: "F32", float16: "F16", bfloat16: "BF16" } as const satisfies Record<
  string,
  Dtype
>;

export type FloatName = keyof typeof TORCH_DTYPES;

/** PyTorch's name of a safetensors type of weights; nothing for other types. */
export function torchName(dtype: string): FloatName | undefined {
  return (Object.keys(TORCH_DTYPES) as FloatName[]).find((name) => TORCH_DTYPES[name] === dtype);
}

/** The safetensors type of a PyTorch name, as config.json has it; nothing for other names. */
export function torchDtype(name: unknown): Dtype | undefined {
  return Object.entries(TORCH_DTYPES).find(([known]) => known === name)?.[1];
}
