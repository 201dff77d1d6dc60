import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { makePacks } from "../data/packing/pack.ts";
import type { TokenSequence } from "../data/tokenize/token_sequence.ts";
import { readLora } from "../files/testing/read_lora.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { gradients } from "../graph/gradients.ts";
import { lower } from "../graph/onnx/lower.ts";
import { type Recompute, recomputeCheap } from "../graph/passes/recompute.ts";
import { isInput } from "../graph/sources.ts";
import { reachable } from "../graph/walk.ts";
import { initializeWeights } from "../models/initialize.ts";
import { modelLayout } from "../models/layout.ts";
import { type Base, openBase } from "../pretrained/base.ts";
import { quantizeTensors } from "../quantization/quantize_tensors.ts";
import { contents, readMetrics, runToEnd, smallRecipe } from "../run/testing/runs.ts";
import { openSession } from "../runtime/node.ts";
import { goldenPath } from "../testing/goldens.ts";
import { dropoutFeeds, loraDropout } from "./dropout_words.ts";
import { openEngine } from "./engine.ts";
import { labelLosses } from "./label_losses.ts";
import { adapterMethod, fullMethod, type Method } from "./method.ts";
import { rowFeeds } from "./row_feeds.ts";

const at = temporaryDirectory();
const base = await openBase(goldenPath("models/llama-gqa"));
const LAYERS = base.model.dimensions.layers;
const R = 8; // the golden adapter's
const T = 41; // no size of the model's
const example: TokenSequence = {
  tokens: Int32Array.from({ length: T }, (_, i) => (7 * i) % 320),
  labelWeights: new Float32Array(T).fill(1),
  origin: { file: "none", row: 1 },
};
const [row] = makePacks([example], T);

async function lora(tensors: Base["directory"]["tensors"], dropout: number): Promise<Method> {
  const adapter = await readLora(goldenPath("training/llama-gqa-lora-all/initial"));
  const config = { ...adapter.config, dropout };
  return adapterMethod(tensors, { ...adapter, config }, loraDropout(dropout, 1));
}

const quantized = () =>
  quantizeTensors(
    base.directory.tensors,
    modelLayout(base.model),
    { type: "nf4" },
    { directory: at("cache") },
  );

/** Made anew for each run: what is fed is lent. */
const labelWeights = () => new Float32Array(row!.targets.length).fill(1 / T);

/** The loss of the row, and its gradient by each parameter. */
async function computed({ trainables, scope }: Method, recompute?: Recompute) {
  const { sum: loss } = labelLosses(base.model, scope(true));
  const inputs = new Map(
    reachable([loss])
      .filter(isInput)
      .map((t) => [t.attributes.name, t]),
  );
  const byName = gradients(
    loss,
    trainables.map(({ name }) => inputs.get(name)!),
    { recompute },
  ).map((gradient, i) => [`gradient ${trainables[i]!.name}`, gradient] as const);
  const session = await openSession(lower({ loss, ...Object.fromEntries(byName) }), {
    device: "cpu",
    threads: 1,
  });
  const words = inputs.has("dropout.rows0") ? dropoutFeeds(row!, 1, 1) : {};
  const parameters = Object.fromEntries(trainables.map((t) => [t.name, t]));
  const results = await session.run({ ...rowFeeds(row!, labelWeights()), ...words, ...parameters });
  await session.release();
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data]));
}

const METHODS: Record<string, () => Promise<Method>> = {
  "LoRA with dropout": () => lora(base.directory.tensors, 0.3),
  "LoRA over 4-bit weights": async () => lora(await quantized(), 0),
  "all weights": async () => fullMethod(initializeWeights(base.model, 1)),
};

describe("what is computed again", () => {
  test.each(Object.entries(METHODS))("changes no bit of the gradients: %s", async (_, method) => {
    const kept = await computed(await method());
    expect(await computed(await method(), recomputeCheap)).toEqual(kept);
    expect(await computed(await method(), () => true)).toEqual(kept);
  });
});

interface Kernel {
  op: string;
  /** Of its first output. */
  shape: number[];
}

const profile = (prefix: string) =>
  readFileSync(at(readdirSync(at()).find((name) => name.startsWith(prefix))!), "utf8");

/** The kernels of a step in the order they ran. */
async function kernels(method: Method): Promise<Kernel[]> {
  const session = { device: "cpu", threads: 1, profilePrefix: at("profile") } as const;
  const engine = await openEngine(base.model, method, openSession, { rowLength: T, session });
  await engine.gradients([example]);
  await engine.release();
  interface Event {
    cat: string;
    name: string;
    args: { op_name: string; output_type_shape: Record<string, number[]>[] };
  }
  const events: Event[] = JSON.parse(profile("profile"));
  return events
    .filter(({ cat, name }) => cat === "Node" && name.endsWith("_kernel_time"))
    .map(({ args }) => ({
      op: args.op_name,
      shape: Object.values(args.output_type_shape[0] ?? {})[0] ?? [],
    }));
}

// What runs when decides how much is alive at once: by values alone, a wrong order would go unnoticed.
describe("the order of a step", () => {
  test("the forward pass holds nothing of the backward pass", async () => {
    const order = await kernels(await lora(base.directory.tensors, 0));
    const forward = order.slice(
      0,
      order.findIndex(({ op }) => op === "LogSoftmax"),
    );
    const count = (op: string) => forward.filter((kernel) => kernel.op === op).length;
    expect([count("Softmax"), count("Sigmoid")]).toEqual([LAYERS, LAYERS]);
  });

  test("each layer's gradients are made before the backward pass goes on to the layer below", async () => {
    const order = await kernels(await lora(base.directory.tensors, 0));
    const attentions: number[] = []; // done before each gradient, once forward and once backward a layer
    let done = 0;
    const isRows = (d: number) => d === T || d === row!.sources.length;
    for (const { op, shape } of order) {
      if (op === "Softmax") done++;
      else if (
        op === "FusedMatMul" &&
        shape.length === 2 &&
        shape.includes(R) &&
        !shape.some((d) => isRows(d))
      )
        attentions.push(done);
    }
    const layers = Array.from({ length: LAYERS }, (_, i) => LAYERS + i);
    // A and B of the MLP's three and of o, which reads attention's output, before the layer's attention is computed again; after it
    // those of q, k and v.
    const early = 8;
    const expected = layers.flatMap((before) => [
      ...Array(early).fill(before),
      ...Array(14 - early).fill(before + 1),
    ]);
    expect(attentions).toEqual(expected);
  });
});

test("gradientCheckpointing computes more and changes nothing else of a run", async () => {
  const run = async (gradientCheckpointing?: boolean) => {
    const name = String(gradientCheckpointing);
    const training = { maxSteps: 2, gradientCheckpointing };
    await runToEnd(smallRecipe(at(name), { training }), { profilePrefix: at(`profile-${name}`) });
    const result = contents(at(name, "adapter"));
    return {
      result,
      metrics: readMetrics(at(name)),
      kernels: profile(`profile-${name}`).match(/_kernel_time/g)!.length,
    };
  };
  const [plain, off, on] = [await run(), await run(false), await run(true)];
  expect(off).toEqual(plain);
  expect(on).toEqual({ ...plain, kernels: expect.any(Number) });
  expect(on.kernels).toBeGreaterThan(plain.kernels);
});
