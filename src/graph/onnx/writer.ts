import { halfBits } from "../../math/half.ts";
import type { WeightFile, WeightSource } from "../sources.ts";
import { type DType, show, type TensorType } from "../tensor.ts";
import {
  DATA_TYPE,
  locationOf,
  MICROSOFT,
  modelProto,
  type OnnxAttribute,
  type OnnxGraph,
  type OnnxNode,
} from "./model_proto.ts";

export interface OnnxModel {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Files that weights lie in, by the place the model names: a path below the root. */
  readonly files: ReadonlyMap<string, WeightFile>;
  readonly inputs: ReadonlyMap<string, TensorType>;
  readonly outputs: ReadonlyMap<string, TensorType>;
}

/** Values and their types, by the name users see. */
type Outputs = ReadonlyMap<string, { value: string; type: TensorType }>;

/**
 * Which ops a graph is written in. "cpu": ONNX Runtime's own where they are faster. "gpu": those its WebGPU provider has
 * kernels for, so that nothing falls back to the CPU. "standard": ONNX's, for other runtimes.
 */
export type Dialect = "cpu" | "gpu" | "standard";

/**
 * Writes one ONNX model: each call adds a node or a value and gives back its name. Names of its own begin with a slash,
 * so that no weight's name meets one.
 */
export class OnnxWriter {
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers = new Map<string, TensorType & { source: WeightSource }>();
  readonly #constants = new Map<string, string>();
  readonly #inputs = new Map<string, TensorType>();
  readonly #files = new Map<string, WeightFile>();
  readonly #named = new Map<string, { what: string; place: unknown }>();
  readonly #others = new Map<string, readonly string[]>();
  readonly #once = new Map<string, string>();
  readonly #described = new Map<string, TensorType>();
  readonly #around: OnnxWriter | undefined;
  #values = 0;

  /** @param around the writer of the graph in which this one's is a body */
  constructor(
    readonly dialect: Dialect = "cpu",
    around?: OnnxWriter,
  ) {
    this.#around = around;
  }

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

  /**
   * What a node computes again and again, as its attribute: `write` gets the names of `inputs` and gives the outputs, which
   * nodes of it compute. It may read values of the graph around it, by their names here.
   */
  body(
    inputs: readonly TensorType[],
    write: (body: OnnxWriter, names: string[]) => { value: string; type: TensorType }[],
  ): { graph: OnnxGraph } {
    const body = new OnnxWriter(this.dialect, this);
    const names = inputs.map((type, i) => body.input(`//in${i}`, type));
    return { graph: body.graph(new Map(write(body, names).map((output) => [output.value, output]))) };
  }

  /** What `write` gave when it was first asked for under this name: a small value that many nodes read. */
  once(name: string, write: () => string): string {
    const known = this.#once.get(name) ?? write();
    this.#once.set(name, known);
    return known;
  }

  /**
   * Says what a value is. Where the runtime can't work a shape out, it would not know which buffers of earlier values fit: it
   * looks through all that were free, for each value, which took most of the time to open a session, and takes new memory.
   */
  describe(name: string, { dtype, shape }: TensorType): void {
    this.#described.set(name, { dtype, shape });
  }

  /** An op of several values writes its first one, and says here what the others are. */
  also(first: string, others: readonly string[]): void {
    this.#others.set(first, others);
  }

  other(first: string, index: number): string {
    return this.#others.get(first)![index]!;
  }

  #add(node: Omit<OnnxNode, "outputs">, outputs: number): string[] {
    const names = Array.from({ length: outputs }, () => this.#next());
    this.#nodes.push({ ...node, outputs: names });
    return names;
  }

  /** No two nodes of a model have one name, in whichever of its graphs they are. */
  #next(): string {
    return this.#around ? `/${this.#around.#next()}` : `/v${this.#values++}`;
  }

  input(name: string, type: TensorType): string {
    this.#claim(name, `input ${show(type)}`);
    this.#inputs.set(name, { dtype: type.dtype, shape: type.shape });
    return name;
  }

  initializer(name: string, type: TensorType, source: WeightSource): string {
    const place = "file" in source ? `${source.file} at ${source.offset}` : source.bytes;
    this.#claim(name, `weight ${show(type)}`, place);
    if ("file" in source) this.#locate(source);
    this.#initializers.set(name, { dtype: type.dtype, shape: type.shape, source });
    return name;
  }

  #locate({ file, blob }: WeightFile): void {
    const location = locationOf(file);
    const known = this.#files.get(location);
    if (known && known.blob !== blob) throw new Error(`${file} names two files`);
    this.#files.set(location, { file, ...(blob && { blob }) });
  }

  constant(values: readonly number[], type: TensorType): string {
    if (this.#around) return this.#around.constant(values, type);
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
  finish(outputs: Outputs): OnnxModel {
    const graph = this.graph(outputs);
    return { bytes: modelProto(graph), files: this.#files, inputs: graph.inputs, outputs: graph.outputs };
  }

  /** What `finish` writes, as data. */
  graph(outputs: Outputs): OnnxGraph {
    const names = this.#rename(outputs);
    return {
      nodes: renamed(this.#nodes, names),
      initializers: this.#initializers,
      inputs: this.#inputs,
      values: new Map([...this.#described].filter(([name]) => !names.has(name) && !this.#named.has(name))),
      outputs: new Map(
        [...outputs].map(
          ([
            name,
            {
              type: { dtype, shape },
            },
          ]) => [name, { dtype, shape }],
        ),
      ),
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
  #rename(outputs: Outputs): ReadonlyMap<string, string> {
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

/** Bodies read values by their names, too. */
function renamed(nodes: readonly OnnxNode[], names: ReadonlyMap<string, string>): OnnxNode[] {
  const of = (values: readonly string[]) => values.map((name) => names.get(name) ?? name);
  const inBody = ({ graph }: { graph: OnnxGraph }) => ({
    graph: { ...graph, nodes: renamed(graph.nodes, names) },
  });
  return nodes.map((node) => ({
    ...node,
    inputs: of(node.inputs),
    outputs: of(node.outputs),
    attributes:
      isBody(node.attributes.body) && names.size > 0
        ? { ...node.attributes, body: inBody(node.attributes.body) }
        : node.attributes,
  }));
}

const isBody = (attribute: OnnxAttribute | undefined): attribute is { graph: OnnxGraph } =>
  typeof attribute === "object" && "graph" in attribute;

function littleEndian(values: readonly number[], dtype: DType): Uint8Array {
  if (dtype === "int64") return new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  if (dtype === "float32") return new Uint8Array(Float32Array.from(values).buffer);
  if (dtype === "float64") return new Uint8Array(Float64Array.from(values).buffer);
  if (dtype === "float16") return new Uint8Array(Uint16Array.from(values, halfBits).buffer);
  if (dtype === "int32") return new Uint8Array(Int32Array.from(values).buffer);
  if (dtype === "bool" || dtype === "uint8") return Uint8Array.from(values);
  throw new Error(`constants of ${dtype} are not needed by any op`);
}
