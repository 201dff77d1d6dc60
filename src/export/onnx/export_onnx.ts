import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeDirectoryAtomic } from "../../files/atomic.ts";
import { formatBytes } from "../../text/format_number.ts";
import { createSpaces } from "../gguf/tensor_content.ts";
import type { ModelWeights } from "../model_weights.ts";
import { type ExportSource, type SourceOptions, withSource } from "../open_source.ts";
import { checkLogits } from "./check_logits.ts";
import { checkOnnxTensors } from "./check_onnx.ts";
import { onnxContent } from "./onnx_content.ts";
import { ONNX_TYPES, type OnnxTypeName } from "./onnx_types.ts";
import { type OnnxPlan, planOnnx } from "./plan_onnx.ts";
import { KNOWN_TO_TRANSFORMERS_JS, textConfig, writeSettings } from "./transformers_js.ts";
import { writeOnnx } from "./write_onnx.ts";

export interface OnnxOptions extends SourceOptions {
  /** A directory, new or empty. */
  output: string;
  type: OnnxTypeName;
  /** As in a recipe: "chat" is the model's own, and left out the same. */
  template?: string;
  /** Weights of a larger model lie beside its file, in files of at most this size; 2 GB when left out. */
  maxFileBytes?: number;
  onBytes?: (done: number, total: number) => void;
}

export interface OnnxReport {
  /** Of the model's file, below the directory. */
  file: string;
  bytes: number;
  /** Whether transformers.js knows the family; ONNX Runtime computes it anyway. */
  known: boolean;
  /** How far the file's logits are from the model's, relative to their size. */
  relativeDifference: number;
}

const MOST = 2e9;

/**
 * Writes the model, with the adapter merged into it, as a directory of transformers.js: an ONNX decoder with a cache, its
 * settings and tokenizer. Weights are read a piece at a time. The file is read back, compared with the model and run before
 * the directory takes its name.
 * @throws AttuneError that names the fault.
 */
export const exportOnnx = (options: OnnxOptions): Promise<OnnxReport> =>
  withSource(options, (source, weights) => write(options, source, weights));

async function write(
  { output, type, template, maxFileBytes = MOST, onBytes, onWarning }: OnnxOptions,
  { base, adapter }: ExportSource,
  { model, config, weights }: ModelWeights,
): Promise<OnnxReport> {
  const plan = planOnnx(model, type);
  const modelType = String(textConfig(config).model_type);
  const known = KNOWN_TO_TRANSFORMERS_JS.has(modelType);
  if (!known)
    onWarning?.(
      `transformers.js does not know ${modelType}: the file runs in ONNX Runtime, and not in its pipelines`,
    );
  const { shortLength } = model.dimensions;
  if (shortLength !== undefined)
    onWarning?.(
      `positions are rotated otherwise beyond ${shortLength} tokens: a conversation that grows past them must be read anew, which transformers.js does not do by itself`,
    );
  if (type === "q8" || type === "q4") warnOfExperts(plan, type, onWarning);
  const name = `model${ONNX_TYPES[type].suffix}.onnx`;
  let [bytes, relativeDifference] = [0, 0];
  await writeDirectoryAtomic(output, async (directory) => {
    await mkdir(join(directory, "onnx"));
    const path = join(directory, "onnx", name);
    const spaces = createSpaces();
    const content = (tensor: (typeof plan.tensors)[number]) => onnxContent(tensor, weights, spaces);
    const written = await writeOnnx(path, plan, { content, maxFileBytes, onBytes });
    await checkOnnxTensors(plan.tensors, written.places, weights);
    const dataFiles = written.dataFiles.length;
    await writeSettings(directory, { base, config, type, template, file: name, dataFiles });
    relativeDifference = await checkLogits(path, type, plan.graph, base, adapter);
    bytes = written.bytes;
  });
  return { file: `onnx/${name}`, bytes, known, relativeDifference };
}

/** Of [experts, …] in one tensor, which no op multiplies by in codes. */
function warnOfExperts({ tensors }: OnnxPlan, type: OnnxTypeName, onWarning?: (text: string) => void): void {
  const whole = tensors.filter(
    ({ kept, shape }) => kept.as === "F32" && shape.length === 3 && shape[1] !== 1,
  );
  if (whole.length === 0) return;
  const bytes = whole.reduce((sum, { byteLength }) => sum + byteLength, 0);
  onWarning?.(
    `this family's experts are one tensor, and stay float32 in ${type}: ${formatBytes(bytes)} of them`,
  );
}
