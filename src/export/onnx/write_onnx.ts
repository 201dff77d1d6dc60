/** An ONNX file whose weights are written piece by piece: in the file itself, or beside it where that would be too large. */
import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import { diskError } from "../../files/disk_error.ts";
import { modelPieces, type OnnxGraph } from "../../graph/onnx/model_proto.ts";
import { type CheckedWriter, createCheckedWriter } from "../checked_writer.ts";
import type { OnnxPlan, OnnxTensor } from "./plan_onnx.ts";

export interface WriteOptions {
  /** The bytes of a tensor, in order; each piece is written before the next is made. */
  content(tensor: OnnxTensor): AsyncIterable<Uint8Array>;
  /** Of one file; no protobuf can be larger than 2^31, and browsers fetch no more at once. */
  maxFileBytes: number;
  onBytes?: (done: number, total: number) => void;
}

/** Where the bytes of a tensor lie. */
export interface TensorPlace {
  file: string;
  offset: number;
}

export interface Written {
  places: Map<string, TensorPlace>;
  /** Files beside the model's own: PATH_data, PATH_data_1, … */
  dataFiles: string[];
  bytes: number;
}

/** Writes `path`. @throws AttuneError when the disk refuses, or gives back something else. */
export async function writeOnnx(path: string, plan: OnnxPlan, options: WriteOptions): Promise<Written> {
  const sizes = new Map(plan.tensors.map(({ name, byteLength }) => [name, byteLength]));
  const pieces = modelPieces(plan.graph, (name) => sizes.get(name));
  const total = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
  return total <= options.maxFileBytes
    ? inOneFile(path, plan, pieces, total, options)
    : besideIt(path, plan, total, options);
}

async function inOneFile(
  path: string,
  { tensors }: OnnxPlan,
  pieces: ReturnType<typeof modelPieces>,
  total: number,
  { content, onBytes }: WriteOptions,
): Promise<Written> {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const places = new Map<string, TensorPlace>();
  await writing(path, async (writer) => {
    for (const piece of pieces) {
      onBytes?.(writer.position(), total);
      if ("weight" in piece) {
        places.set(piece.weight, { file: path, offset: writer.position() });
        await writeTensor(writer, byName.get(piece.weight)!, content);
      } else writer.write(piece);
    }
  });
  return { places, dataFiles: [], bytes: total };
}

/** Pages of a file, from which the runtime maps it. */
const ALIGNMENT = 4096;

async function besideIt(
  path: string,
  { graph, tensors }: OnnxPlan,
  total: number,
  { content, maxFileBytes, onBytes }: WriteOptions,
): Promise<Written> {
  const places = new Map<string, TensorPlace>();
  let done = 0;
  const files = inFiles(tensors, maxFileBytes).map((own, i) => ({
    own,
    file: `${path}_data${i ? `_${i}` : ""}`,
  }));
  for (const { own, file } of files)
    await writing(file, async (writer) => {
      for (const tensor of own) {
        writer.write(new Uint8Array(aligned(writer.position()) - writer.position()));
        places.set(tensor.name, { file, offset: writer.position() });
        onBytes?.(done, total);
        await writeTensor(writer, tensor, content);
        done += tensor.byteLength;
      }
    });
  const pieces = modelPieces(withPlaces(graph, tensors, places)) as Uint8Array[];
  await writing(path, async (writer) => {
    for (const piece of pieces) writer.write(piece);
  });
  return { places, dataFiles: files.map(({ file }) => file), bytes: total };
}

const aligned = (offset: number) => Math.ceil(offset / ALIGNMENT) * ALIGNMENT;

/** A tensor larger than a file may be has one of its own. */
function inFiles(tensors: readonly OnnxTensor[], most: number): OnnxTensor[][] {
  const files: OnnxTensor[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const tensor of tensors) {
    if (aligned(size) + tensor.byteLength > most) {
      files.push([]);
      size = 0;
    }
    files.at(-1)!.push(tensor);
    size = aligned(size) + tensor.byteLength;
  }
  return files;
}

function withPlaces(
  graph: OnnxGraph,
  tensors: readonly OnnxTensor[],
  places: ReadonlyMap<string, TensorPlace>,
): OnnxGraph {
  const initializers = new Map(graph.initializers);
  for (const { name, byteLength } of tensors) {
    const { file, offset } = places.get(name)!;
    const source = { file: basename(file), offset, byteLength };
    initializers.set(name, { ...initializers.get(name)!, source });
  }
  return { ...graph, initializers };
}

async function writeTensor(
  writer: CheckedWriter,
  tensor: OnnxTensor,
  content: WriteOptions["content"],
): Promise<void> {
  const end = writer.position() + tensor.byteLength;
  for await (const bytes of content(tensor)) writer.write(bytes);
  if (writer.position() !== end)
    throw new Error(`${tensor.name} took ${writer.position() - end} bytes too many`);
}

async function writing(path: string, write: (writer: CheckedWriter) => Promise<void>): Promise<void> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "wx+");
    const writer = createCheckedWriter(file);
    await write(writer);
  } catch (error) {
    throw diskError(error, "write", path);
  } finally {
    await file?.close();
  }
}
