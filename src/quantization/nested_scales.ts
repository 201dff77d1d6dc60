import { DYNAMIC_MAP, nearestDynamic } from "./dynamic_map.ts";
import { blockMaxima } from "./quantize4bit.ts";
import { torchMean } from "./torch_mean.ts";

/** Double quantization: a scale is DYNAMIC_MAP[code] · absmax of its block + offset. */
export interface NestedScales {
  /** uint8 [n]. */
  codes: Uint8Array;
  /** float32 [⌈n / 256⌉]. */
  absmax: Float32Array;
  /** The scales' mean. */
  offset: number;
}

/** Scales that share a scale. */
export const NESTED_BLOCK_SIZE = 256;

/** Quantizes block scales [n] to 8 bits, as bitsandbytes' `quantize_4bit(compress_statistics=True)` does. */
export function nestScales(scales: Float32Array): NestedScales {
  const offset = torchMean(scales);
  const centred = scales.map((scale) => scale - offset);
  const absmax = blockMaxima(centred, NESTED_BLOCK_SIZE);
  const factors = absmax.map((max) => 1 / max);
  const codes = Uint8Array.from(centred, (value, i) =>
    nearestDynamic(Math.fround(value * factors[Math.floor(i / NESTED_BLOCK_SIZE)]!)),
  );
  return { codes, absmax, offset };
}

/** The scales [n] that `nested` stands for, in float32. */
export function unnestScales(
  { codes, absmax, offset }: NestedScales,
  map = DYNAMIC_MAP,
  blockSize = NESTED_BLOCK_SIZE,
): Float32Array {
  return Float32Array.from(
    codes,
    (code, i) => Math.fround(map[code]! * absmax[Math.floor(i / blockSize)]!) + offset,
  );
}
