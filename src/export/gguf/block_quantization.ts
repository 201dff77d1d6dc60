/**
 * Q8_0 and Q4_0: blocks of 32 values under one float16 scale, to the bit as ggml's reference and gguf-py make them
 * (gguf-py/gguf/quants.py). Arithmetic is float32's.
 */
import { float16ToFloat32, float32ToFloat16 } from "../../files/float.ts";

const BLOCK = 32;
const f32 = Math.fround;

/** int8 codes times the largest magnitude / 127; halves round away from zero. */
export function quantizeQ8(values: Float32Array): Uint8Array<ArrayBuffer> {
  const blocks = values.length / BLOCK;
  const out = new Uint8Array(blocks * 34);
  const scales = new Float32Array(blocks);
  for (let block = 0; block < blocks; block++) {
    const from = block * BLOCK;
    let largest = 0;
    for (let i = 0; i < BLOCK; i++) {
      const magnitude = Math.abs(values[from + i]!);
      if (magnitude > largest) largest = magnitude;
    }
    const scale = f32(largest / 127);
    const inverse = scale === 0 ? 0 : f32(1 / scale);
    scales[block] = scale;
    const to = block * 34 + 2;
    for (let i = 0; i < BLOCK; i++) {
      const scaled = f32(values[from + i]! * inverse);
      const shifted = scaled + 128.5; // exact in float64, and above 0: cut off, halves are rounded up
      const up = shifted | 0;
      out[to + i] = up === shifted && scaled < 0 ? up - 129 : up - 128;
    }
  }
  return withScales(out, scales, 34);
}

/** 4-bit codes around 8, times the value of largest magnitude / -8; the low halves of the bytes come first. */
export function quantizeQ4(values: Float32Array): Uint8Array<ArrayBuffer> {
  const blocks = values.length / BLOCK;
  const out = new Uint8Array(blocks * 18);
  const scales = new Float32Array(blocks);
  for (let block = 0; block < blocks; block++) {
    const from = block * BLOCK;
    let largest = values[from]!;
    for (let i = 1; i < BLOCK; i++) {
      const value = values[from + i]!;
      if (Math.abs(value) > Math.abs(largest)) largest = value;
    }
    const scale = f32(largest / -8);
    const inverse = scale === 0 ? 0 : f32(1 / scale);
    scales[block] = scale;
    const to = block * 18 + 2;
    for (let i = 0; i < BLOCK / 2; i++) {
      const low = f32(f32(values[from + i]! * inverse) + 8.5) | 0;
      const high = f32(f32(values[from + i + BLOCK / 2]! * inverse) + 8.5) | 0;
      out[to + i] = (low > 15 ? 15 : low) | ((high > 15 ? 15 : high) << 4);
    }
  }
  return withScales(out, scales, 18);
}

/** What the codes stand for. */
export function dequantizeQ8(bytes: Uint8Array): Float32Array {
  const { blocks, scales } = scalesOf(bytes, 34);
  const codes = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array(blocks * BLOCK);
  for (let block = 0; block < blocks; block++)
    for (let i = 0; i < BLOCK; i++) values[block * BLOCK + i] = scales[block]! * codes[block * 34 + 2 + i]!;
  return values;
}

export function dequantizeQ4(bytes: Uint8Array): Float32Array {
  const { blocks, scales } = scalesOf(bytes, 18);
  const values = new Float32Array(blocks * BLOCK);
  for (let block = 0; block < blocks; block++)
    for (let i = 0; i < BLOCK / 2; i++) {
      const both = bytes[block * 18 + 2 + i]!;
      values[block * BLOCK + i] = scales[block]! * ((both & 15) - 8);
      values[block * BLOCK + i + BLOCK / 2] = scales[block]! * ((both >> 4) - 8);
    }
  return values;
}

function withScales(out: Uint8Array<ArrayBuffer>, scales: Float32Array, stride: number) {
  const bits = float32ToFloat16(scales);
  for (let block = 0; block < bits.length; block++) {
    out[block * stride] = bits[block]! & 255;
    out[block * stride + 1] = bits[block]! >> 8;
  }
  return out;
}

function scalesOf(bytes: Uint8Array, stride: number) {
  const blocks = bytes.length / stride;
  const bits = new Uint16Array(blocks);
  for (let block = 0; block < blocks; block++)
    bits[block] = bytes[block * stride]! | (bytes[block * stride + 1]! << 8);
  return { blocks, scales: float16ToFloat32(bits) };
}
