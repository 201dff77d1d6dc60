import type { OnnxGraph } from "../onnx/model_proto.ts";
import type { OnnxWriter } from "../onnx/writer.ts";
import {
  defineOp,
  requireSameType,
  ShapeError,
  sameShape,
  show,
  type Tensor,
  type TensorType,
} from "../tensor.ts";
import { matmul } from "./matmul.ts";
import { transpose } from "./shape.ts";

/**
 * States of a linear recurrence: S[0] = 0, S[m+1] = A[m] · S[m] + B[m], from the last to the first where it is `reverse`.
 * A [M, ..., n, n], B [M, ..., n, p] -> S [M, ..., n, p], each as it was before A[m] and B[m].
 */
export const linearScan = defineOp<[A: Tensor, B: Tensor], { reverse: boolean }>({
  name: "linearScan",
  unrolledOnGpu: true,
  infer([A, B]) {
    requireSameType("linearScan", A, B);
    const n = B.shape.at(-2)!;
    const [M, ...state] = B.shape;
    if (state.some((d) => typeof d === "string") || !sameShape(A.shape, [M!, ...state.slice(0, -2), n, n]))
      throw new ShapeError("linearScan", `${show(A)} and ${show(B)}`);
    return B;
  },
  lower(w, [A, B], { reverse }, [typeA, typeB]) {
    if (w.dialect === "gpu") return byDoubling(w, [A, B], reverse, [typeA, typeB]);
    const start = w.node("Expand", [w.scalar(0, typeB.dtype), w.ints(typeB.shape.slice(1) as number[])]);
    const way = Number(reverse);
    const attributes = {
      num_scan_inputs: 2,
      body: { graph: step(typeA, typeB) },
      scan_input_directions: [way, way],
      scan_output_directions: [way],
    };
    return w.nodes("Scan", [start, A, B], attributes, 2)[1]!;
  },
  // With λ[m] = dS[m] + A[m]ᵀ · λ[m+1]:  dB[m] = λ[m+1],  dA[m] = λ[m+1] · S[m]ᵀ.
  vjp([A], dy, { reverse }, S): [Tensor, Tensor] {
    const dB = linearScan(turned(A), dy, { reverse: !reverse });
    return [matmul(dB, S, { transB: true }), dB];
  },
});

/**
 * All states at once: a turn joins each step with what lies 1, 2, 4 … before it, A[m]·A[m'] and A[m]·B[m'] + B[m] (Hillis & Steele
 * 1986). Zeros are before the first.
 */
function byDoubling(
  w: OnnxWriter,
  [A, B]: readonly [string, string],
  reverse: boolean,
  [typeA, typeB]: readonly [TensorType, TensorType],
): string {
  const M = typeB.shape[0] as number;
  const moved = (x: string, { dtype, shape }: TensorType, by: number) => {
    const zeros = w.node("Expand", [w.scalar(0, dtype), w.ints([by, ...(shape.slice(1) as number[])])]);
    if (by >= M) return zeros;
    const [start, end] = reverse ? [by, M] : [0, M - by];
    const rest = w.node("Slice", [x, w.ints([start]), w.ints([end]), w.ints([0])]);
    return w.node("Concat", reverse ? [rest, zeros] : [zeros, rest], { axis: 0 });
  };
  let [factors, states] = [A, B];
  for (let by = 1; by < M; by *= 2) {
    states = w.node("Add", [states, w.node("MatMul", [factors, moved(states, typeB, by)])]);
    if (2 * by < M) factors = w.node("MatMul", [factors, moved(factors, typeA, by)]);
  }
  return moved(states, typeB, 1);
}

const turned = (x: Tensor): Tensor => {
  const last = x.shape.length - 1;
  return transpose(x, [...x.shape.keys()].toSpliced(last - 1, 2, last, last - 1));
};

/** From the state, A[m] and B[m] to the next state and this one. */
function step(A: TensorType, B: TensorType): OnnxGraph {
  const each = ({ dtype, shape }: TensorType): TensorType => ({ dtype, shape: shape.slice(1) });
  const [inner, outer] = [each(A), each(B)];
  const node = (type: string, inputs: string[], output: string) => ({
    type,
    inputs,
    outputs: [output],
    attributes: {},
  });
  return {
    nodes: [
      node("Identity", ["//state"], "//before"),
      node("MatMul", ["//A", "//state"], "//moved"),
      node("Add", ["//moved", "//B"], "//next"),
    ],
    initializers: new Map(),
    inputs: new Map([
      ["//state", outer],
      ["//A", inner],
      ["//B", outer],
    ]),
    outputs: new Map([
      ["//next", outer],
      ["//before", outer],
    ]),
  };
}
