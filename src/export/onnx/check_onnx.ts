/** Whether the written files hold the model. */
import { open } from "node:fs/promises";
import { randomUint32 } from "../../random/random.ts";
import { AttuneError } from "../../text/errors.ts";
import { readerOf } from "../checked_writer.ts";
import { decode } from "../gguf/encode.ts";
import type { Weight } from "../model_weights.ts";
import { BLOCK, blockValues, codeBytes } from "./block_codes.ts";
import { onnxValues } from "./onnx_content.ts";
import type { OnnxTensor } from "./plan_onnx.ts";
import { scalesOf } from "./to_blocks.ts";
import type { TensorPlace } from "./write_onnx.ts";

const ROWS = 4; // of each tensor, besides its first and last
const MOST = 8192; // numbers of a row

/**
 * Compares rows of each tensor with what the model has, as far as the type's rounding allows.
 * @throws AttuneError that names what differs.
 */
export async function checkOnnxTensors(
  tensors: readonly OnnxTensor[],
  places: ReadonlyMap<string, TensorPlace>,
  weights: ReadonlyMap<string, Weight>,
): Promise<void> {
  for (const tensor of tensors) {
    if (tensor.kept.as === "scales") continue; // read with their codes
    for (const { start, count } of samplesOf(tensor)) {
      const found = await valuesIn(tensor, places, start, count);
      compare(tensor, found, await onnxValues(tensor, weights, start, count));
    }
  }
}

function samplesOf({ name, shape }: OnnxTensor) {
  const width = shape.length > 1 ? shape.at(-1)! : 1;
  const rows = shape.reduce((product, size) => product * size, 1) / width;
  const count = Math.min(width, MOST);
  const random = Array.from({ length: ROWS }, (_, i) => randomUint32(0, `check ${name}`, 0, i) % rows);
  return [...new Set([0, rows - 1, ...random])].map((row) => ({ start: row * width, count }));
}

async function valuesIn(
  { name, parameter, kept }: OnnxTensor,
  places: ReadonlyMap<string, TensorPlace>,
  start: number,
  count: number,
): Promise<Float32Array> {
  const bytes = (tensor: string, from: number, length: number) => bytesAt(places.get(tensor)!, from, length);
  if (kept.as === "F32") return decode(await bytes(name, 4 * start, 4 * count), "F32");
  if (kept.as === "F16") return decode(await bytes(name, 2 * start, 2 * count), "F16");
  const codes = await bytes(name, codeBytes(start, kept.bits), codeBytes(count, kept.bits));
  const scales = await bytes(scalesOf(parameter), (4 * start) / BLOCK, (4 * count) / BLOCK);
  return blockValues(codes, decode(scales, "F32"), kept.bits);
}

async function bytesAt({ file, offset }: TensorPlace, from: number, length: number): Promise<Uint8Array> {
  const handle = await open(file);
  try {
    const bytes = new Uint8Array(length);
    await readerOf(handle)(bytes, offset + from);
    return bytes;
  } finally {
    await handle.close();
  }
}

/** Half a unit in the last place, relative, and below what is kept at all; of blocks relative to their largest. */
function roundingOf({ kept }: OnnxTensor) {
  if (kept.as === "F32") return { relative: 0, absolute: 0, ofLargest: 0 };
  if (kept.as === "F16") return { relative: 2 ** -11, absolute: 2 ** -25, ofLargest: 0 };
  const ofLargest = kept.bits === 8 ? 0.5 / 127 + 2 ** -20 : 1 / 8 + 2 ** -20;
  return { relative: 0, absolute: 2 ** -140, ofLargest };
}

function compare(tensor: OnnxTensor, found: Float32Array, expected: Float32Array): void {
  const { relative, absolute, ofLargest } = roundingOf(tensor);
  for (let from = 0; from < expected.length; from += BLOCK) {
    const end = Math.min(expected.length, from + BLOCK);
    let largest = 0;
    for (let i = from; i < end; i++) largest = Math.max(largest, Math.abs(expected[i]!));
    for (let i = from; i < end; i++) {
      const bound = relative * Math.abs(expected[i]!) + absolute + ofLargest * largest;
      if (!(Math.abs(found[i]! - expected[i]!) <= bound))
        throw wrong(tensor.parameter, found[i]!, expected[i]!);
    }
  }
}

const wrong = (place: string, found: number, expected: number) =>
  new AttuneError({
    code: "export.check-failed",
    place,
    problem: `the file holds ${found}, and the model ${expected}. Nothing was kept`,
    wayOut: "It may be a fault of attune's: report it with the model's config.json",
  });
