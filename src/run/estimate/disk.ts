import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Adapter } from "../../adapters/adapter.ts";
import { adapterFiles } from "../../adapters/peft/adapter_files.ts";
import { isCompanionFile } from "../../files/companion_files.ts";
import { byteLength, formatHeader, type TensorInfo } from "../../files/safetensors_header.ts";
import { linearNumbers, modelLayout } from "../../models/layout.ts";
import type { Base } from "../../pretrained/base.ts";
import type { Trainable } from "../../training/trainable.ts";
import { finishedAdapter } from "../../training/trained_adapter.ts";
import { trainedTensors } from "../trained_tensors.ts";

/** What a run leaves on the disk, in bytes. */
export interface DiskParts {
  /** `adapter/` or `model/`. */
  result: number;
  /** `best/`, where rows are held out. */
  best: number;
  /** Those that are kept: values and moments, 12 bytes a trained weight each. */
  checkpoints: number;
  /** Metrics, the report, and values of a reference. */
  records: number;
  /** attune's caches: rows as tokens, and codes of a quantized model. */
  cache: number;
  /** The hub's cache: what is yet to be downloaded. */
  download: number;
}

export const sumOfDisk = (parts: DiskParts): number =>
  Object.values(parts).reduce((sum, bytes) => sum + bytes, 0);

const KEPT = 2; // checkpoints
const STATE = 2_000; // bytes of a checkpoint's state.json
const METRICS = 250; // bytes of a step's line
const PAGES = 20_000; // report.html, recipe.json, summary.json

export interface DiskPlan {
  steps: number;
  saveEvery: number;
  hasBest: boolean;
  /** Sequences and tokens of all data, held out or trained on. */
  sequences: number;
  tokens: number;
  usesReference: boolean;
  quantized?: { linears: number; bits: number };
  download: number;
}

export async function plannedDisk(
  base: Base,
  { method, adapter }: { method: { trainables: readonly Trainable[] }; adapter?: Adapter },
  plan: DiskPlan,
): Promise<DiskParts> {
  const { trainables } = method;
  const result = adapter ? await adapterBytes(adapter, trainables) : await modelBytes(base, trainables);
  const kept = Math.min(KEPT, Math.ceil(plan.steps / plan.saveEvery));
  return {
    result,
    best: plan.hasBest ? result : 0,
    checkpoints: kept * checkpointBytes(trainables),
    records: PAGES + METRICS * plan.steps + (plan.usesReference ? 8 * plan.sequences : 0),
    cache: 4 * plan.tokens + 40 * plan.sequences + (plan.quantized ? codeBytes(plan.quantized) : 0),
    download: plan.download,
  };
}

async function adapterBytes(adapter: Adapter, trainables: readonly Trainable[]): Promise<number> {
  const files = await adapterFiles(finishedAdapter(adapter, trainables));
  return Object.values(files).reduce((sum, { byteLength }) => sum + byteLength, 0);
}

async function modelBytes(base: Base, trainables: readonly Trainable[]): Promise<number> {
  const { path } = base.directory;
  const names = (await readdir(path)).filter((name) => name === "config.json" || isCompanionFile(name));
  const companions = await Promise.all(names.map(async (name) => (await stat(join(path, name))).size));
  return companions.reduce((sum, size) => sum + size, safetensorsBytes(trainedTensors(base, trainables)));
}

export const checkpointBytes = (trainables: readonly Trainable[]): number =>
  STATE +
  safetensorsBytes(
    trainables.flatMap(({ name, shape }) =>
      ["value", "m", "v"].map((part) => ({
        name: `${part} ${name}`,
        dtype: "F32" as const,
        shape: [...shape],
      })),
    ),
  );

const safetensorsBytes = (tensors: readonly TensorInfo[]): number =>
  tensors.reduce(
    (sum, { dtype, shape, name }) => sum + byteLength(dtype, shape, name),
    formatHeader(tensors, {}).bytes.length,
  );

/** Codes, and a scale for each block of 64, in 8 bits. */
const codeBytes = ({ linears, bits }: { linears: number; bits: number }) =>
  Math.round(linears * (bits / 8 + 1 / 64));

/** Numbers of all that quantization puts into codes: linear layers and experts. */
export function linearWeights({ model }: Base): number {
  const layout = modelLayout(model);
  const layers = linearNumbers(layout);
  return [...layout.experts.values()].reduce((sum, site) => sum + site.count * site.in * site.out, layers);
}
