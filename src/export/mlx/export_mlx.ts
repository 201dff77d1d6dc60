import { writeDirectoryAtomic } from "../../files/atomic.ts";
import { diskFolder } from "../../files/disk_folder.ts";
import { locateTensors } from "../../files/model_weights.ts";
import { copyOf, scanTensor, type TensorEntry, type TensorSource } from "../../files/safetensors.ts";
import type { Config, Model } from "../../models/family.ts";
import { modelLayout } from "../../models/layout.ts";
import type { ModelDirectory } from "../../pretrained/model_directory.ts";
import { saveModelDirectory } from "../../pretrained/model_directory.ts";
import { AttuneError } from "../../text/errors.ts";
import { encode } from "../gguf/encode.ts";
import type { ModelWeights } from "../model_weights.ts";
import { float32, type Numbers } from "../numbers.ts";
import { type ExportSource, type SourceOptions, withSource } from "../open_source.ts";
import type { MlxDescription } from "./mlx_description.ts";
import { MLX_FAMILIES } from "./mlx_families.ts";
import { mlxRules } from "./mlx_rules.ts";
import { mlxTensors, nameThere } from "./mlx_tensors.ts";

export interface MlxOptions extends SourceOptions {
  /** A directory, new or empty. */
  output: string;
  /** transformers 4's default, 5 GB, when left out. */
  maxShardBytes?: number;
}

export interface MlxReport {
  tensors: number;
}

/**
 * Writes the model, with the adapter merged into it, as a directory of mlx-lm's: its names and shapes, in the base's types.
 * The files are read again and compared before the directory takes its name.
 * @throws AttuneError that names what mlx-lm doesn't compute.
 */
export const exportMlx = (options: MlxOptions): Promise<MlxReport> =>
  withSource(options, (source, weights) => write(options, source, weights));

async function write(
  { output, maxShardBytes }: MlxOptions,
  { base }: ExportSource,
  { model, config, weights }: ModelWeights,
): Promise<MlxReport> {
  const described = describeForMlx(config, model.modelType, base.directory.path);
  if (described.head === "tied" && !model.tied) throw untied(model.modelType, base.directory.path);
  const tensors = [...mlxTensors(model, weights, described), ...unreadTensors(model, base.directory)];
  await requireDropped(model, weights, base.directory.path);
  await writeDirectoryAtomic(output, async (directory) => {
    const own = { ...config, ...described.config };
    await saveModelDirectory(directory, {
      config: own,
      tensors,
      from: base.directory,
      maxShardBytes,
      format: "mlx",
    });
    await requireSameTensors((await locateTensors(diskFolder(directory)))!, tensors, output);
  });
  return { tensors: tensors.length };
}

/** @throws AttuneError that names the family or the keys of config.json. */
export function describeForMlx(config: Config, modelType: string, path: string): MlxDescription {
  const describe = Object.hasOwn(MLX_FAMILIES, modelType) ? MLX_FAMILIES[modelType]! : undefined;
  if (!describe)
    throw new AttuneError({
      code: "export.unknown-architecture",
      place: `${path}: model_type`,
      problem: "attune has no rules for this family in mlx-lm",
      expected: `one of ${Object.keys(MLX_FAMILIES).join(", ")}`,
      got: modelType,
    });
  const described = describe(config);
  if (described.faults.length === 0) return described;
  throw new AttuneError({
    code: "export.not-in-mlx",
    place: `${path}: config.json`,
    problem: "mlx-lm computes this model otherwise than it was trained, or not at all",
    faults: described.faults.map((fault) => ({ ...fault, code: "export.not-in-mlx" })),
  });
}

/** Keys and values of layers that read those of others, which mlx-lm loads nevertheless. */
function unreadTensors(model: Model, { tensors, path }: ModelDirectory): TensorSource[] {
  const { modelType, unread } = model;
  if (!mlxRules(modelType).wantsUnread || !unread) return [];
  const layers = [...modelLayout(model).parameters.keys()].filter((name) => /\.q_proj\.weight$/.test(name));
  const wanted = layers.flatMap((name) =>
    ["k_proj", "v_proj", "k_norm"].map((own) => name.replace("q_proj", own)),
  );
  return wanted
    .filter((name) => unread.test(name))
    .map((name) => {
      const entry = tensors.get(name);
      if (!entry) throw lacking(name, path);
      return { ...copyOf(entry), name: nameThere(modelType, name) };
    });
}

const lacking = (name: string, path: string) =>
  new AttuneError({
    code: "export.not-in-mlx",
    place: `${path}: ${name}`,
    problem:
      "mlx-lm wants keys and values of its own for each layer, as published files have them, and this tensor is missing",
    wayOut:
      "Start from the published model: nothing is computed with them, and attune keeps them as they are",
  });

/** @throws AttuneError that names a parameter that mlx-lm would leave out. */
async function requireDropped(
  { modelType }: Model,
  weights: ModelWeights["weights"],
  path: string,
): Promise<void> {
  const { dropped } = mlxRules(modelType);
  for (const { name, shape, read } of weights.values()) {
    if (!dropped?.test(name)) continue;
    const { data } = await read(
      0,
      shape.reduce((product, size) => product * size, 1),
    );
    if (data.every((value) => value === 0)) continue;
    throw new AttuneError({
      code: "export.not-in-mlx",
      place: `${path}: ${name}`,
      problem: `mlx-lm computes ${modelType} without it, and would choose other experts than the model was trained with`,
      expected: "0",
      wayOut: "Export it as gguf or onnx: these keep it",
    });
  }
}

const untied = (modelType: string, path: string) =>
  new AttuneError({
    code: "export.not-in-mlx",
    place: `${path}: config.json: tie_word_embeddings`,
    problem: `mlx-lm computes ${modelType} with one weight for both ends`,
    expected: "true",
    got: "false",
  });

/** Reads each tensor again, and compares it with what was to be written. */
export async function requireSameTensors(
  written: ReadonlyMap<string, TensorEntry>,
  tensors: readonly TensorSource[],
  place: string,
): Promise<void> {
  for (const { name, dtype, shape, data } of tensors) {
    const entry = written.get(name);
    const values = await data();
    const expected =
      values instanceof Float32Array
        ? encode(float32(values), dtype as Numbers["dtype"], { name, shape, start: 0 })
        : new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const isSame =
      entry?.dtype === dtype && entry.shape.join() === shape.join() && (await holds(entry, expected));
    if (!isSame)
      throw new AttuneError({
        code: "export.check-failed",
        place: `${place}: ${name}`,
        problem: "the file holds something else than was written. Nothing was kept",
        wayOut: "Check the disk, or choose another place",
      });
  }
}

/** Whether a file has these bytes, read a piece at a time. */
async function holds(entry: TensorEntry, expected: Uint8Array): Promise<boolean> {
  let isSame = entry.byteLength === expected.length;
  await scanTensor(entry, (bytes, at) => {
    isSame &&= Buffer.compare(bytes, expected.subarray(at, at + bytes.length)) === 0;
    return isSame;
  });
  return isSame;
}
