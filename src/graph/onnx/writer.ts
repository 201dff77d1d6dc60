import type { WeightFile, WeightSource } from "../sources.ts";
import { type DType, show, type TensorType } from "../tensor.ts";
import { ProtobufWriter } from "./protobuf.ts";

// TensorProto.DataType, https://github.com/onnx/onnx/blob/v1.19.0/onnx/onnx.proto
const DATA_TYPE: Record<DType, number> = {
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
const MICROSOFT = "com.microsoft";

export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };

export interface OnnxModel {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Files that weights lie in, by the place the model names: a path below the root. */
  readonly files: ReadonlyMap<string, WeightFile>;
  readonly inputs: ReadonlyMap<string, TensorType>;
  readonly outputs: ReadonlyMap<string, TensorType>;
}

interface Node {
  readonly type: string;
  /** Whose op it is; ONNX's when left out. */
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/**
 * Writes one ONNX model: each call adds a node or a value and gives back its name. Names of its own begin with a slash,
 * so that no weight's name meets one.
 */
export class OnnxWriter {
  readonly #nodes: Node[] = [];
  readonly #initializers = new Map<string, Uint8Array>();
  readonly #constants = new Map<string, string>();
  readonly #inputs = new Map<string, TensorType>();
  readonly #files = new Map<string, WeightFile>();
  readonly #named = new Map<string, { what: string; place: unknown }>();
  #values = 0;

  node(type: string, inputs: readonly string[], attributes: Record<string, OnnxAttribute> = {}): string {
    return this.nodes(type, inputs, attributes, 1)[0]!;
  }

  /** A node of an op that ONNX Runtime contributes, of one output. */
  contributed(type: string, inputs: readonly string[], attributes: Record<string, OnnxAttribute>): string {
    return this.#add({ type, inputs, attributes, domain: MICROSOFT }, 1)[0]!;
  }

  /** A node of several outputs. */
  nodes(
    type: string,
    inputs: readonly string[],
    attributes: Record<string, OnnxAttribute>,
    outputs: number,
  ): string[] {
    return this.#add({ type, inputs, attributes }, outputs);
  }

  #add(node: Omit<Node, "outputs">, outputs: number): string[] {
    const names = Array.from({ length: outputs }, () => `/v${this.#values++}`);
    this.#nodes.push({ ...node, outputs: names });
    return names;
  }

  input(name: string, type: TensorType): string {
    this.#claim(name, `input ${show(type)}`);
    this.#inputs.set(name, { dtype: type.dtype, shape: type.shape });
    return name;
  }

  initializer(name: string, type: TensorType, source: WeightSource): string {
    const place = "file" in source ? `${source.file} at ${source.offset}` : source.bytes;
    this.#claim(name, `weight ${show(type)}`, place);
    const proto = tensorProto(name, type);
    if ("bytes" in source) proto.bytes(9, source.bytes);
    else {
      const external = {
        location: this.#location(source),
        offset: source.offset,
        length: source.byteLength,
      };
      for (const [key, value] of Object.entries(external))
        proto.message(13, (entry) => entry.string(1, key).string(2, String(value)));
      proto.int(14, 1);
    }
    this.#initializers.set(name, proto.finish());
    return name;
  }

  #location({ file, blob }: WeightFile): string {
    const location = withoutRoot(file);
    const known = this.#files.get(location);
    if (known && known.blob !== blob) throw new Error(`${file} names two files`);
    this.#files.set(location, { file, ...(blob && { blob }) });
    return location;
  }

  constant(values: readonly number[], type: TensorType): string {
    const key = `${type.dtype}|${type.shape.join()}|${values.join()}`;
    const known = this.#constants.get(key);
    if (known) return known;
    const name = `/c${this.#constants.size}`;
    this.#constants.set(key, name);
    return this.initializer(name, type, { bytes: littleEndian(values, type.dtype) });
  }

  scalar(value: number, dtype: DType): string {
    return this.constant([value], { dtype, shape: [] });
  }

  /** Axes, shapes, starts and ends: a constant int64 vector. */
  ints(values: readonly number[]): string {
    return this.constant(values, { dtype: "int64", shape: [values.length] });
  }

  static dataType(dtype: DType): number {
    return DATA_TYPE[dtype];
  }

  /** ModelProto with `outputs`, by the name users see. */
  finish(outputs: ReadonlyMap<string, { value: string; type: TensorType }>): OnnxModel {
    const names = this.#rename(outputs);
    const graph = new ProtobufWriter();
    for (const node of this.#nodes) graph.message(1, (n) => nodeProto(n, node, names));
    graph.string(2, "attune");
    for (const tensor of this.#initializers.values()) graph.bytes(5, tensor);
    for (const [name, type] of this.#inputs) graph.message(11, (info) => valueInfo(info, name, type));
    for (const [name, { type }] of outputs) graph.message(12, (info) => valueInfo(info, name, type));
    const model = new ProtobufWriter()
      .int(1, IR_VERSION)
      .string(2, "attune")
      .bytes(7, graph.finish())
      .message(8, (opset) => opset.string(1, "").int(2, OPSET))
      .message(8, (opset) => opset.string(1, MICROSOFT).int(2, 1));
    return {
      bytes: model.finish(),
      files: this.#files,
      inputs: this.#inputs,
      outputs: new Map([...outputs].map(([name, { type }]) => [name, type])),
    };
  }

  /** The same input or weight may come twice; another one by a known name would silently take its place. */
  #claim(name: string, what: string, place: unknown = undefined): void {
    const known = this.#named.get(name);
    if (known && (known.what !== what || known.place !== place))
      throw new Error(`${name} names two values: ${known.what} and ${what}`);
    this.#named.set(name, { what, place });
  }

  /**
   * The names of the values that are outputs: a node writes them itself, since another that copied them would double their
   * memory. What no node computes, or has an output's name already, is copied.
   */
  #rename(outputs: ReadonlyMap<string, { value: string; type: TensorType }>): ReadonlyMap<string, string> {
    const computed = new Set(this.#nodes.flatMap((node) => node.outputs));
    const names = new Map<string, string>();
    for (const [name, { value, type }] of outputs) {
      this.#claim(name, `output ${show(type)}`);
      if (computed.has(value) && !names.has(value)) names.set(value, name);
      else this.#nodes.push({ type: "Identity", inputs: [value], outputs: [name], attributes: {} });
    }
    return names;
  }
}

function nodeProto(proto: ProtobufWriter, node: Node, names: ReadonlyMap<string, string>): void {
  for (const name of node.inputs) proto.string(1, names.get(name) ?? name);
  for (const name of node.outputs) proto.string(2, names.get(name) ?? name);
  proto.string(3, `${node.type}${node.outputs[0]}`).string(4, node.type);
  for (const [name, value] of Object.entries(node.attributes))
    proto.message(5, (a) => attribute(a, name, value));
  if (node.domain) proto.string(7, node.domain);
}

function tensorProto(name: string, type: TensorType): ProtobufWriter {
  const proto = new ProtobufWriter();
  for (const d of type.shape) proto.int(1, d as number);
  return proto.int(2, DATA_TYPE[type.dtype]).string(8, name);
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

/** AttributeProto: an integer, integers, a string, or a float marked as one. */
function attribute(a: ProtobufWriter, name: string, value: OnnxAttribute): void {
  a.string(1, name);
  if (typeof value === "number") a.int(3, value).int(20, 2);
  else if (typeof value === "string") a.string(4, value).int(20, 3);
  else if ("float" in value) a.float(2, value.float).int(20, 1);
  else {
    for (const v of value) a.int(8, v);
    a.int(20, 7);
  }
}

/** The runtime wants locations relative to a folder; sessions are opened with the file system's root as that folder. */
const withoutRoot = (file: string) => file.replace(/^([A-Za-z]:)?[\\/]+/, "");

function littleEndian(values: readonly number[], dtype: DType): Uint8Array {
  if (dtype === "int64") return new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  if (dtype === "float32") return new Uint8Array(Float32Array.from(values).buffer);
  if (dtype === "float64") return new Uint8Array(Float64Array.from(values).buffer);
  if (dtype === "int32") return new Uint8Array(Int32Array.from(values).buffer);
  if (dtype === "bool" || dtype === "uint8") return Uint8Array.from(values);
  throw new Error(`constants of ${dtype} are not needed by any op`);
}
