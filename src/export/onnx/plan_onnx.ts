import { moduleOf } from "../../files/tensor_names.ts";
import type { OnnxGraph } from "../../graph/onnx/model_proto.ts";
import { sizeOf } from "../../graph/tensor.ts";
import type { Model } from "../../models/family.ts";
import { modelLayout } from "../../models/layout.ts";
import { AttuneError } from "../../text/errors.ts";
import { type Bits, BLOCK } from "./block_codes.ts";
import { decoderGraph } from "./decoder_graph.ts";
import { ONNX_TYPES, type OnnxTypeName } from "./onnx_types.ts";
import { type Blocked, codesOf, matricesOf, scalesOf, toBlocks } from "./to_blocks.ts";
import { toHalf } from "./to_half.ts";

/** An initializer of the file whose bytes are made of a parameter. */
export interface OnnxTensor {
  name: string;
  parameter: string;
  byteLength: number;
  /** Of codes and scales the matrix [out, in] they stand for. */
  shape: readonly number[];
  kept: { as: "F32" } | { as: "F16" } | { as: "codes"; bits: Bits } | { as: "scales"; bits: Bits };
  /** The checkpoint has the matrix as [in, out]. */
  turned: boolean;
}

export interface OnnxPlan {
  graph: OnnxGraph;
  tensors: OnnxTensor[];
}

/** @throws AttuneError when rows aren't whole blocks of the type. */
export function planOnnx(model: Model, type: OnnxTypeName): OnnxPlan {
  const graph = decoderGraph(model);
  const { matrices: kept } = ONNX_TYPES[type];
  const { parameters } = modelLayout(model);
  const own = [...parameters.keys()].filter((name) => graph.initializers.has(name));
  if (kept === "float32")
    return { graph, tensors: own.map((name) => plain(name, parameters.get(name)!, "F32")) };
  if (kept === "float16") {
    const isMatrix = (name: string) => (parameters.get(name)?.length ?? 0) > 1;
    const half = (name: string) => isMatrix(name) || /^(past_key_values|present)\./.test(name);
    const tensors = own.map((name) => plain(name, parameters.get(name)!, isMatrix(name) ? "F16" : "F32"));
    return { graph: toHalf(graph, half), tensors };
  }
  const blocked = blockedMatrices(graph, model, own, kept);
  checkBlocks(blocked, type);
  const tensors = own.flatMap((name) => {
    const matrix = blocked.get(name);
    return matrix ? coded(name, matrix) : [plain(name, parameters.get(name)!, "F32")];
  });
  return { graph: toBlocks(graph, blocked), tensors };
}

/** All of the model's matrices but routers, whose choices hang on small differences, and tables of positions. */
function blockedMatrices(
  graph: OnnxGraph,
  { ends }: Model,
  parameters: readonly string[],
  { bits, endBits }: { bits: Bits; endBits: Bits },
): Map<string, Blocked & { turned: boolean }> {
  const multiplied = new Map(
    graph.nodes
      .filter(({ type }) => type === "Gemm" || type === "MatMul")
      .map((node) => [node.inputs[1]!, node]),
  );
  const isEnd = (name: string) => Object.values(ends).includes(moduleOf(name));
  const isRouter = (name: string) => /(^|\.)(gate|router(\.layer)?)\.weight$/.test(name);
  const matrices = matricesOf(graph);
  const names = parameters.filter(
    (name) => matrices.has(name) && (isEnd(name) || (multiplied.has(name) && !isRouter(name))),
  );
  return new Map(
    names.map((name) => {
      const [rows, columns] = graph.initializers.get(name)!.shape as [number, number];
      const turned = multiplied.get(name)?.type === "MatMul";
      const sizes = turned ? { out: columns, in: rows } : { out: rows, in: columns };
      return [name, { ...sizes, turned, bits: isEnd(name) ? endBits : bits }];
    }),
  );
}

const plain = (name: string, shape: readonly number[], as: "F32" | "F16"): OnnxTensor => ({
  name,
  parameter: name,
  byteLength: sizeOf(shape) * (as === "F16" ? 2 : 4),
  shape,
  kept: { as },
  turned: false,
});

function coded(
  parameter: string,
  { out, in: inputs, bits, turned }: Blocked & { turned: boolean },
): OnnxTensor[] {
  const about = { parameter, shape: [out, inputs], turned };
  const numbers = out * inputs;
  return [
    { ...about, name: codesOf(parameter), byteLength: (numbers * bits) / 8, kept: { as: "codes", bits } },
    { ...about, name: scalesOf(parameter), byteLength: (4 * numbers) / BLOCK, kept: { as: "scales", bits } },
  ];
}

function checkBlocks(blocked: ReadonlyMap<string, Blocked>, type: OnnxTypeName): void {
  const uneven = [...blocked].filter(([, matrix]) => matrix.in % BLOCK !== 0);
  if (uneven.length === 0) return;
  throw new AttuneError({
    code: "export.uneven-blocks",
    place: "--type",
    problem: `${type} keeps blocks of ${BLOCK} numbers of a row, and rows of these tensors aren't whole blocks`,
    wayOut: "Take --type fp16 or fp32",
    faults: uneven.map(([name, matrix]) => ({
      code: "export.uneven-blocks",
      place: name,
      problem: `rows of ${matrix.in}`,
    })),
  });
}
