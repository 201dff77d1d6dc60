import {
  MICROSOFT,
  type OnnxGraph,
  type OnnxInitializer,
  type OnnxNode,
} from "../../graph/onnx/model_proto.ts";
import { type Bits, BLOCK, codeBytes } from "./block_codes.ts";

/** A matrix [out, in] that is kept in codes. */
export interface Blocked {
  out: number;
  in: number;
  bits: Bits;
}

export const codesOf = (parameter: string) => `${parameter}/codes`;
export const scalesOf = (parameter: string) => `${parameter}/scales`;

/** Initializers that the graph reads as matrices alone: multiplies by them, or takes rows of them. */
export function matricesOf({ nodes, initializers }: OnnxGraph): Set<string> {
  const matrices = new Set(
    [...initializers].filter(([, { shape }]) => shape.length === 2).map(([name]) => name),
  );
  for (const node of nodes)
    for (const [place, name] of node.inputs.entries()) if (!readsMatrix(node, place)) matrices.delete(name);
  return matrices;
}

const readsMatrix = ({ type }: OnnxNode, place: number) =>
  type === "Gather" ? place === 0 : (type === "Gemm" || type === "MatMul") && place === 1;

/** Embedding and output layer share their codes: [out, in / 32, bytes]. */
export function toBlocks(graph: OnnxGraph, blocked: ReadonlyMap<string, Blocked>): OnnxGraph {
  const initializers = new Map<string, OnnxInitializer>();
  for (const [name, initializer] of graph.initializers) {
    const matrix = blocked.get(name);
    if (matrix) for (const [own, type] of codeInitializers(name, matrix)) initializers.set(own, type);
    else initializers.set(name, initializer);
  }
  const ints = (name: string, values: readonly number[]) => {
    const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    initializers.set(name, { dtype: "int64", shape: [values.length], source: { bytes } });
    return name;
  };
  const nodes = graph.nodes.flatMap((node): OnnxNode[] => {
    const name = node.inputs.find((input) => blocked.has(input));
    if (name === undefined) return [node];
    const matrix = blocked.get(name)!;
    return node.type === "Gather" ? gathered(node, name, matrix, ints) : [multiplied(node, name, matrix)];
  });
  return { ...graph, nodes, initializers };
}

function codeInitializers(name: string, { out, in: inputs, bits }: Blocked): [string, OnnxInitializer][] {
  const blocks = inputs / BLOCK;
  const codes = [out, blocks, codeBytes(BLOCK, bits)];
  const source = (byteLength: number) => ({ file: `/${name}`, offset: 0, byteLength });
  return [
    [codesOf(name), { dtype: "uint8", shape: codes, source: source(codeBytes(out * inputs, bits)) }],
    [scalesOf(name), { dtype: "float32", shape: [out, blocks], source: source(4 * out * blocks) }],
  ];
}

/** https://github.com/microsoft/onnxruntime/blob/v1.23.0/docs/ContribOperators.md#com.microsoft.MatMulNBits */
const multiplied = (node: OnnxNode, name: string, { out, in: inputs, bits }: Blocked): OnnxNode => ({
  type: "MatMulNBits",
  domain: MICROSOFT,
  inputs: [node.inputs[0]!, codesOf(name), scalesOf(name)],
  outputs: node.outputs,
  attributes: { K: inputs, N: out, bits, block_size: BLOCK, accuracy_level: ACCURACY },
});

/** Products are of int8 blocks, several times as fast on CPUs as float32's. */
const ACCURACY = 4;

/** https://github.com/microsoft/onnxruntime/blob/v1.23.0/docs/ContribOperators.md#com.microsoft.GatherBlockQuantized */
function gathered(
  node: OnnxNode,
  name: string,
  { out, in: inputs, bits }: Blocked,
  ints: (name: string, values: readonly number[]) => string,
): OnnxNode[] {
  const [rows, scales] = [`${name}/rows`, `${name}/scales of rows`];
  const reshape = (input: string, output: string, shape: string): OnnxNode => ({
    type: "Reshape",
    inputs: [input, shape],
    outputs: [output],
    attributes: {},
  });
  return [
    reshape(scalesOf(name), scales, ints(`${name}/scale shape`, [out, inputs / BLOCK, 1])),
    {
      type: "GatherBlockQuantized",
      domain: MICROSOFT,
      inputs: [codesOf(name), node.inputs[1]!, scales],
      outputs: [rows],
      attributes: { gather_axis: 0, quantize_axis: 2, block_size: BLOCK, bits },
    },
    reshape(rows, node.outputs[0]!, ints(`${name}/row shape`, [-1, inputs])),
  ];
}
