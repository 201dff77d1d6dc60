/** The bytes of a planned tensor, piece by piece. */
import type { Weight } from "../model_weights.ts";
import {
  float32,
  type Numbers,
  reordered,
  reorderedColumns,
  reorderedRows,
  toFloat32,
  turned,
} from "../numbers.ts";
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
 * Row-major, in the tensor's type. Weights whose rows or columns change places are read whole, the others a piece at a
 * time. A piece is good until the next is asked for.
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
  if (tensor.cut) {
    yield* slices(tensor, weight);
    return;
  }
  if (tensor.order || tensor.columns || tensor.turned) {
    yield changed(rearranged(await weight.read(0, count), tensor, weight.shape), tensor);
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
    yield changed(numbers, tensor);
  }
}

/** Numbers of a slice of the tensor, and of the weight's. */
function sliceSizes({ shape }: PlannedTensor, weight: Weight): [own: number, source: number] {
  return [shapeSize(shape) / shape[0]!, shapeSize(weight.shape) / shape[0]!];
}

async function* slices(tensor: PlannedTensor, weight: Weight): AsyncGenerator<Numbers> {
  const [own, source] = sliceSizes(tensor, weight);
  const columns = tensor.shape.at(-1)!;
  const from = (i: number) => tensor.cut!.at(Math.floor(i / columns), i % columns);
  for (let slice = 0; slice < tensor.shape[0]!; slice++)
    yield reordered(await weight.read(slice * source, source), own, from);
}

function rearranged(numbers: Numbers, tensor: PlannedTensor, shape: readonly number[]): Numbers {
  const whole = tensor.turned ? turned(numbers, shape[0]!, shape[1]!) : numbers;
  const width = shape.length === 1 ? 1 : tensor.shape.at(-1)!;
  const rows = shapeSize(tensor.shape) / tensor.parameters.length / width; // fewer than the weight's, where it is several
  const { order, columns } = tensor;
  const ordered = order ? reorderedRows(whole, { width, rows, from: order }) : whole;
  return columns ? reorderedColumns(ordered, { width, from: columns }) : ordered;
}

/** Numbers that llama.cpp keeps otherwise, in float32. */
function changed(numbers: Numbers, { plus, computed }: PlannedTensor): Numbers {
  if (computed) return float32(toFloat32(numbers).map(computed));
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
  if (tensor.cut) return expectedOfCut(tensor, weight, start, count);
  const numbers = await numbersAt(tensor, weight, start % each, count);
  return toFloat32(changed(numbers, tensor));
}

/** `count` numbers of the checkpoint's weight, which are a row's of the tensor from number `from` on. */
async function numbersAt(
  tensor: PlannedTensor,
  weight: Weight,
  from: number,
  count: number,
): Promise<Numbers> {
  const { order, columns } = tensor;
  if (!order && !columns && !tensor.turned) return weight.read(from, count);
  const width = weight.shape.length === 1 ? 1 : tensor.shape.at(-1)!;
  const [row, column] = [Math.floor(from / width), from % width];
  const source = order ? order(row) : row;
  if (columns) {
    const whole = toFloat32(await weight.read(source * width, width));
    return float32(Float32Array.from({ length: count }, (_, i) => whole[columns(column + i)]!));
  }
  if (!tensor.turned) return weight.read(source * width + column, count);
  const values = new Float32Array(count);
  const out = weight.shape[1]!; // kept as [in, out]
  for (let i = 0; i < count; i++)
    values[i] = toFloat32(await weight.read((column + i) * out + source, 1))[0]!;
  return float32(values);
}

/** Of one row. */
async function expectedOfCut(
  tensor: PlannedTensor,
  weight: Weight,
  start: number,
  count: number,
): Promise<Float32Array> {
  const [own, source] = sliceSizes(tensor, weight);
  const [slice, within, columns] = [Math.floor(start / own), start % own, tensor.shape.at(-1)!];
  const [row, column] = [Math.floor(within / columns), within % columns];
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const at = slice * source + tensor.cut!.at(row, column + i);
    values[i] = toFloat32(await weight.read(at, 1))[0]!;
  }
  return values;
}
