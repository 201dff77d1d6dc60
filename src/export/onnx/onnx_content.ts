/** The bytes of an initializer, piece by piece, and what they should stand for. */

import { encode } from "../gguf/encode.ts";
import { expectedValues, pieces, type Spaces, tensorContent } from "../gguf/tensor_content.ts";
import type { PlannedTensor } from "../gguf/tensor_plan.ts";
import type { Weight } from "../model_weights.ts";
import { float32, toFloat32 } from "../numbers.ts";
import { blockCodes, blockScales } from "./block_codes.ts";
import type { OnnxTensor } from "./plan_onnx.ts";

const WIDER = "fp32";

type Weights = ReadonlyMap<string, Weight>;

export async function* onnxContent(
  tensor: OnnxTensor,
  weights: Weights,
  spaces: Spaces,
): AsyncGenerator<Uint8Array> {
  const { kept, shape } = tensor;
  if (kept.as === "F32" || kept.as === "F16") {
    yield* tensorContent(asPlanned(tensor), weights, spaces, WIDER);
    return;
  }
  let start = 0;
  for await (const numbers of pieces(asPlanned(tensor), weights.get(tensor.parameter)!, spaces)) {
    const values = toFloat32(numbers);
    encode(float32(values), "F32", { name: tensor.parameter, shape, start, wider: WIDER }); // refuses what isn't finite
    start += values.length;
    yield kept.as === "codes" ? blockCodes(values, kept.bits) : bytesOf(blockScales(values, kept.bits));
  }
}

/** What `count` numbers from number `start` of the matrix should be. */
export const onnxValues = (tensor: OnnxTensor, weights: Weights, start: number, count: number) =>
  expectedValues(asPlanned(tensor), weights, start, count);

const asPlanned = ({ name, parameter, shape, turned, kept }: OnnxTensor): PlannedTensor => ({
  name,
  shape,
  turned,
  parameters: [parameter],
  plus: 0,
  type: kept.as === "F16" ? "F16" : "F32",
});

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);
