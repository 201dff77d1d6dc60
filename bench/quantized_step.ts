/**
 * What a training step costs over a model directory, quantized or not: LoRA r=8 on all linear layers, or those of --targets, one row of tokens.
 *
 *   npx tsx bench/quantized_step.ts --model DIR [--type nf4|fp4|int8] [--steps 3] [--length 512] [--labels 256] [--threads N]
 *                                 [--checkpointing true|false] [--targets q_proj,v_proj]
 *
 * With --type the base is quantized first, into attune's cache. Prints JSON: seconds and CPU seconds a step (the least of
 * the steps after the first), peak memory, bytes a quantized parameter.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { initializeLora } from "../src/adapters/lora/lora_start.ts";
import { sizeOf } from "../src/graph/tensor.ts";
import { readModel } from "../src/models/families.ts";
import { modelLayout } from "../src/models/layout.ts";
import { openModelDirectory } from "../src/pretrained/model_directory.ts";
import type { QuantizationSettings } from "../src/quantization/quantization_schema.ts";
import { quantizeTensors } from "../src/quantization/quantize_tensors.ts";
import {
  isCoded,
  isQuantized,
  type QuantizedEntry,
  storedParts,
} from "../src/quantization/quantized_entry.ts";
import { randomUniform } from "../src/random/random.ts";
import { openSession } from "../src/runtime/node.ts";
import { openEngine } from "../src/training/engine.ts";
import { adapterMethod } from "../src/training/method.ts";

const { values } = parseArgs({
  options: {
    model: { type: "string" },
    type: { type: "string" },
    steps: { type: "string", default: "3" },
    length: { type: "string", default: "512" },
    labels: { type: "string", default: "256" },
    threads: { type: "string" },
    checkpointing: { type: "string" },
    targets: { type: "string" },
  },
});
if (!values.model) throw new Error("give --model DIR");

const directory = await openModelDirectory(values.model);
const model = readModel(directory.config);
const targets = values.targets?.split(",");
const linears = new Map(
  [...modelLayout(model).linears].filter(
    ([name]) => targets?.some((end) => name.endsWith(`.${end}`)) ?? true,
  ),
);
const type = values.type as QuantizationSettings["type"] | undefined;
const tensors = type
  ? await quantizeTensors(directory.tensors, modelLayout(model), { type })
  : directory.tensors;
const config = { type: "lora", r: 8, alpha: 16, dropout: 0, targetModules: targets ?? "all-linear" };
const uniform = (purpose: string, index: number) => randomUniform(0, purpose, 0, index);
const modules = initializeLora(linears as never, config as never, uniform);
const method = adapterMethod(tensors, { config, modules } as never);
const engine = await openEngine(model, method, openSession, {
  rowLength: +values.length,
  gradientCheckpointing: values.checkpointing === undefined ? undefined : values.checkpointing === "true",
  session: { device: "cpu", threads: values.threads === undefined ? undefined : +values.threads },
});
const tokens = Int32Array.from({ length: +values.length }, (_, t) => (t * 7919) % model.dimensions.vocabSize);
const labelWeights = Float32Array.from(tokens, (_, t) => +(t >= +values.length - +values.labels));
const [wall, cpu]: [number[], number[]] = [[], []];
let loss = 0;
for (let step = 0; step < +values.steps; step++) {
  const [start, before] = [performance.now(), process.cpuUsage()];
  ({ loss } = await engine.gradients([{ tokens, labelWeights, origin: {} as never }]));
  const { user, system } = process.cpuUsage(before);
  wall.push((performance.now() - start) / 1000);
  cpu.push((user + system) / 1e6);
}
await engine.release();

const least = (times: number[]) => Math.min(...(times.length > 1 ? times.slice(1) : times));
const quantized = [...tensors.values()].filter(isCoded).flatMap((w) => (isQuantized(w) ? [w] : w.matrices));
console.log(
  JSON.stringify({
    loss,
    secondsPerStep: least(wall),
    cpuSecondsPerStep: least(cpu),
    peakGigabytes: peakGigabytes(),
    bytesPerQuantizedParameter: bytesPerParameter(quantized),
  }),
);

/** Most memory the process ever held, mapped weights included. */
function peakGigabytes(): number {
  const status = readFileSync("/proc/self/status", "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) / 1e6;
}

function bytesPerParameter(weights: QuantizedEntry[]): number {
  const own = (entry: QuantizedEntry) => storedParts(entry).reduce((n, { byteLength }) => n + byteLength, 0);
  const parameters = weights.reduce((n, { shape }) => n + sizeOf(shape), 0);
  return weights.reduce((n, entry) => n + own(entry), 0) / parameters;
}
