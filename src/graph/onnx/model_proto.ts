/** ONNX's files: what a model is made of, and its bytes. */
import type { WeightSource } from "../sources.ts";
import type { DType, TensorType } from "../tensor.ts";
import { ProtobufWriter } from "./protobuf.ts";

// TensorProto.DataType, https://github.com/onnx/onnx/blob/v1.19.0/onnx/onnx.proto
export const DATA_TYPE: Record<DType, number> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
};

const IR_VERSION = 10;
const OPSET = 21;

export const MICROSOFT = "com.microsoft";

export type OnnxAttribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  /** What a node computes again and again; it may read values of the graph around it, and has no initializers. */
  | { readonly graph: OnnxGraph };

export interface OnnxNode {
  readonly type: string;
  /** Whose op it is; ONNX's when left out. */
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxInitializer extends TensorType {
  readonly source: WeightSource;
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, OnnxInitializer>;
  readonly inputs: ReadonlyMap<string, TensorType>;
  readonly outputs: ReadonlyMap<string, TensorType>;
  /** What is known of values between them. */
  readonly values?: ReadonlyMap<string, TensorType>;
}

/** The bytes of a ModelProto. */
export function modelProto(graph: OnnxGraph): Uint8Array<ArrayBuffer> {
  const pieces = modelPieces(graph) as Uint8Array[];
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}

/** Part of a ModelProto: bytes, or those of a weight that whoever writes the file has. */
export type ModelPiece = Uint8Array | { readonly weight: string; readonly byteLength: number };

/**
 * A ModelProto in its parts, in their order.
 * @param streamed how long the weights are that come from elsewhere but lie in the file
 */
export function modelPieces(
  graph: OnnxGraph,
  streamed: (name: string) => number | undefined = () => undefined,
): ModelPiece[] {
  const nodes = new ProtobufWriter();
  for (const node of graph.nodes) nodes.message(1, (n) => nodeProto(n, node));
  nodes.string(2, "attune");
  const values = new ProtobufWriter();
  for (const [name, type] of graph.inputs) values.message(11, (info) => valueInfo(info, name, type));
  for (const [name, type] of graph.outputs) values.message(12, (info) => valueInfo(info, name, type));
  for (const [name, type] of graph.values ?? []) values.message(13, (info) => valueInfo(info, name, type));
  const initializers = Array.from(graph.initializers, ([name, initializer]) =>
    initializerPieces(name, initializer, streamed(name)),
  );
  const parts = [nodes.finish(), ...initializers.flat(), values.finish()];
  const size = parts.reduce((sum, part) => sum + part.byteLength, 0);
  return [
    new ProtobufWriter().int(1, IR_VERSION).string(2, "attune").open(7, size).finish(),
    ...parts,
    new ProtobufWriter()
      .message(8, (opset) => opset.string(1, "").int(2, OPSET))
      .message(8, (opset) => opset.string(1, MICROSOFT).int(2, 1))
      .finish(),
  ];
}

function initializerPieces(
  name: string,
  { source, ...type }: OnnxInitializer,
  streamed: number | undefined,
): ModelPiece[] {
  const proto = new ProtobufWriter();
  for (const d of type.shape) proto.int(1, d as number);
  proto.int(2, DATA_TYPE[type.dtype]).string(8, name);
  if (streamed !== undefined) {
    const head = proto.open(9, streamed).finish();
    const field = new ProtobufWriter().open(5, head.length + streamed).finish();
    return [field, head, { weight: name, byteLength: streamed }];
  }
  if ("bytes" in source) proto.bytes(9, source.bytes);
  else {
    const external = {
      location: locationOf(source.file),
      offset: source.offset,
      length: source.byteLength,
    };
    for (const [key, value] of Object.entries(external))
      proto.message(13, (entry) => entry.string(1, key).string(2, String(value)));
    proto.int(14, 1);
  }
  return [new ProtobufWriter().bytes(5, proto.finish()).finish()];
}

/** The runtime wants locations relative to a folder; sessions are opened with the file system's root as that folder. */
export const locationOf = (file: string) => file.replace(/^([A-Za-z]:)?[\\/]+/, "");

export function nodeProto(proto: ProtobufWriter, node: OnnxNode): void {
  for (const name of node.inputs) proto.string(1, name);
  for (const name of node.outputs) proto.string(2, name);
  proto.string(3, `${node.type}${node.outputs[0]}`).string(4, node.type);
  for (const [name, value] of Object.entries(node.attributes))
    proto.message(5, (a) => attribute(a, name, value));
  if (node.domain) proto.string(7, node.domain);
}

function bodyProto(proto: ProtobufWriter, { nodes, inputs, outputs }: OnnxGraph): void {
  for (const node of nodes) proto.message(1, (n) => nodeProto(n, node));
  proto.string(2, "body");
  for (const [name, type] of inputs) proto.message(11, (info) => valueInfo(info, name, type));
  for (const [name, type] of outputs) proto.message(12, (info) => valueInfo(info, name, type));
}

function valueInfo(info: ProtobufWriter, name: string, type: TensorType): void {
  info.string(1, name).message(2, (t) =>
    t.message(1, (tensor) =>
      tensor.int(1, DATA_TYPE[type.dtype]).message(2, (shape) => {
        for (const d of type.shape)
          shape.message(1, (dim) => (typeof d === "number" ? dim.int(1, d) : dim.string(2, d)));
      }),
    ),
  );
}

/** AttributeProto: an integer, integers, a string, a float marked as one, or a graph. */
function attribute(a: ProtobufWriter, name: string, value: OnnxAttribute): void {
  a.string(1, name);
  if (typeof value === "number") a.int(3, value).int(20, 2);
  else if (typeof value === "string") a.string(4, value).int(20, 3);
  else if ("float" in value) a.float(2, value.float).int(20, 1);
  else if ("graph" in value) a.message(6, (g) => bodyProto(g, value.graph)).int(20, 5);
  else {
    for (const v of value) a.int(8, v);
    a.int(20, 7);
  }
}
