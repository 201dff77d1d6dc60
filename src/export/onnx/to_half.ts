import { DATA_TYPE, type OnnxGraph, type OnnxNode } from "../../graph/onnx/model_proto.ts";
import type { TensorType } from "../../graph/tensor.ts";

/** They move numbers, and compute none. */
const MOVES = new Set(["Gather", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Identity"]);
const PRODUCTS = new Set(["Gemm", "MatMul"]);

/**
 * The graph with matrices and cache in float16. Products are computed in it, where nearly all the work is; norms, softmax,
 * angles and what is added up from layer to layer stay float32, which holds what float16 can't. Logits are float32.
 * @param isHalf which initializers, inputs and outputs are kept in float16
 */
export function toHalf(graph: OnnxGraph, isHalf: (name: string) => boolean): OnnxGraph {
  const nodes: OnnxNode[] = [];
  const halves = new Set([...graph.initializers.keys(), ...graph.inputs.keys()].filter(isHalf));
  const casts = new Map<string, string>();
  const inType = (name: string, half: boolean): string => {
    if (halves.has(name) === half) return name;
    const cast = `${name}/${half ? "half" : "float"}`;
    if (casts.has(cast)) return cast;
    casts.set(cast, name);
    nodes.push({
      type: "Cast",
      inputs: [name],
      outputs: [cast],
      attributes: { to: DATA_TYPE[half ? "float16" : "float32"] },
    });
    if (half) halves.add(cast);
    return cast;
  };
  for (const node of graph.nodes) {
    const isFull = node.outputs.some((name) => graph.outputs.has(name) && !isHalf(name));
    const computes = PRODUCTS.has(node.type) || joinsCache(node, graph, isHalf);
    const moves = MOVES.has(node.type) && halves.has(node.inputs[0]!);
    const half = !isFull && (computes || moves);
    const inputs = node.inputs.map((name, i) => (half && moves && i > 0 ? name : inType(name, half)));
    nodes.push({ ...node, inputs });
    if (half) for (const name of node.outputs) halves.add(name);
  }
  return {
    nodes,
    initializers: retyped(graph.initializers, isHalf),
    inputs: retyped(graph.inputs, isHalf),
    outputs: retyped(graph.outputs, isHalf),
  };
}

const joinsCache = ({ type, inputs }: OnnxNode, graph: OnnxGraph, isHalf: (name: string) => boolean) =>
  type === "Concat" && inputs.some((name) => graph.inputs.has(name) && isHalf(name));

const retyped = <T extends TensorType>(
  values: ReadonlyMap<string, T>,
  isHalf: (name: string) => boolean,
): Map<string, T> =>
  new Map(
    Array.from(values, ([name, value]) => [name, isHalf(name) ? { ...value, dtype: "float16" } : value]),
  );
