/** The bytes of a planned tensor, piece by piece. */
import type { Weight } from "../model_weights.ts";
import { float32, type Numbers, reorderedRows, toFloat32, turned } from "../numbers.ts";
import { encode } from "./encode.ts";
import { shapeSize } from "./gguf_header.ts";
import type { PlannedTensor } from "./tensor_plan.ts";

const PIECE = 1 << 20; // numbers at a time

/** Buffers that are used again: while one piece is made and written the next is read. */
export interface Spaces {
  read: [ArrayBuffer, ArrayBuffer];
  made: ArrayBuffer;
}

export function createSpaces(): Spaces {
  const space = () => new ArrayBuffer(4 * PIECE);
  return { read: [space(), space()], made: space() };
}

/**
 * Row-major, in the tensor's type. Weights whose rows change places are read whole, the others a piece at a time. A piece
 * is good until the next is asked for.
 */
export async function* tensorContent(
  tensor: PlannedTensor,
  weights: ReadonlyMap<string, Weight>,
  spaces: Spaces,
  wider?: string,
): AsyncGenerator<Uint8Array> {
  const { name, shape, type, values } = tensor;
  let start = 0;
  const encoded = (numbers: Numbers) => {
    const space = numbers.data.length <= PIECE ? spaces.made : undefined;
    const bytes = encode(numbers, type, { name, shape, start, wider }, space);
    start += numbers.data.length;
    return bytes;
  };
  if (values) yield encoded(float32(values));
  for (const parameter of tensor.parameters)
    for await (const numbers of pieces(tensor, weights.get(parameter)!, spaces)) yield encoded(numbers);
  for (let row = 0; row < (tensor.again ?? 0); row++)
    yield encoded(await weights.get(tensor.parameters[0]!)!.read(0, shape.at(-1)!));
}

/** A weight's numbers in the order of the tensor, whole rows at a time. */
export async function* pieces(
  tensor: PlannedTensor,
  weight: Weight,
  { read }: Spaces,
): AsyncGenerator<Numbers> {
  const count = shapeSize(weight.shape);
  const width = weight.shape.at(-1)!;
  if (tensor.order || tensor.turned) {
    yield rearranged(await weight.read(0, count), tensor, weight.shape);
    return;
  }
  const most = Math.max(1, Math.floor(PIECE / width)) * width;
  let turn = 0;
  const next = (at: number) => {
    const length = Math.min(most, count - at);
    const numbers = weight.read(at, length, length <= PIECE ? read[turn++ % 2] : undefined);
    numbers.catch(() => {}); // thrown when its turn comes
    return numbers;
  };
  let ahead = next(0);
  for (let at = 0; at < count; at += most) {
    const numbers = await ahead;
    if (at + most < count) ahead = next(at + most);
    yield shifted(numbers, tensor.plus);
  }
}

function rearranged(numbers: Numbers, tensor: PlannedTensor, shape: readonly number[]): Numbers {
  const whole = tensor.turned ? turned(numbers, shape[0]!, shape[1]!) : numbers;
  if (!tensor.order) return whole;
  const width = shape.length === 1 ? 1 : tensor.shape.at(-1)!;
  const rows = shapeSize(tensor.shape) / tensor.parameters.length / width; // half of the parameter's, where it is two
  return reorderedRows(whole, { width, rows, from: tensor.order });
}

/** Read as float32, plus a number. */
function shifted(numbers: Numbers, plus: number): Numbers {
  return plus === 0 ? numbers : float32(toFloat32(numbers).map((value) => value + plus));
}

/**
 * The values that `count` numbers from number `start` of the tensor should have, found on a way of its own: number by
 * number, from where each stands in the checkpoint.
 */
export async function expectedValues(
  tensor: PlannedTensor,
  weights: ReadonlyMap<string, Weight>,
  start: number,
  count: number,
): Promise<Float32Array> {
  if (tensor.values) return tensor.values.slice(start, start + count);
  const own = shapeSize(tensor.shape) - (tensor.again ?? 0) * tensor.shape.at(-1)!;
  if (start >= own) return expectedValues(tensor, weights, (start - own) % tensor.shape.at(-1)!, count);
  const each = own / tensor.parameters.length;
  const weight = weights.get(tensor.parameters[Math.floor(start / each)]!)!;
  const from = start % each;
  if (!tensor.order && !tensor.turned) return toFloat32(shifted(await weight.read(from, count), tensor.plus));
  const width = weight.shape.length === 1 ? 1 : tensor.shape.at(-1)!;
  const [row, column] = [Math.floor(from / width), from % width];
  const source = tensor.order ? tensor.order(row) : row;
  if (!tensor.turned) return toFloat32(await weight.read(source * width + column, count));
  const values = new Float32Array(count);
  const out = weight.shape[1]!; // kept as [in, out]
  for (let i = 0; i < count; i++)
    values[i] = toFloat32(await weight.read((column + i) * out + source, 1))[0]!;
  return values;
}
