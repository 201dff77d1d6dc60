import { readTensor, readTensorBytes, sliceOf, type TensorEntry } from "./safetensors.ts";

const PIECE = 1 << 23; // numbers read at a time

/** Whether two tensors hold the same numbers, 0 and -0 alike; of tensors with quantized values, the same bytes. */
export async function haveSameValues(a: TensorEntry, b: TensorEntry): Promise<boolean> {
  if (a.shape.join() !== b.shape.join()) return false;
  const count = a.shape.reduce((product, size) => product * size, 1);
  for (let at = 0; at < count; at += PIECE) {
    const [one, other] = [a, b].map((entry) => sliceOf(entry, at, Math.min(PIECE, count - at)));
    if (!(await isSamePiece(one!, other!))) return false;
  }
  return true;
}

async function isSamePiece(a: TensorEntry, b: TensorEntry): Promise<boolean> {
  if (a.dtype === b.dtype) {
    const [one, other] = [await readTensorBytes(a), await readTensorBytes(b)];
    if (one.every((byte, i) => byte === other[i])) return true;
  }
  const [one, other] = [await readTensor(a), await readTensor(b)];
  return one.every((value, i) => value === other[i]);
}
