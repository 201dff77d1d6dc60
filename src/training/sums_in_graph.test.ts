import { expect, test } from "vitest";
import { makePacks } from "../data/packing/pack.ts";
import { sameShape } from "../graph/tensor.ts";
import { reachable } from "../graph/walk.ts";
import { initializeWeights } from "../models/initialize.ts";
import { openBase } from "../pretrained/base.ts";
import { openSession } from "../runtime/node.ts";
import { openGraph } from "../runtime/open_graph.ts";
import type { TensorData } from "../runtime/session.ts";
import { floats } from "../runtime/tensor_data.ts";
import { goldenPath, maxDifference } from "../testing/goldens.ts";
import { labelLosses } from "./label_losses.ts";
import { fullMethod } from "./method.ts";
import { rowFeeds } from "./row_feeds.ts";
import { partsOfRow } from "./row_length.ts";
import { sumsInGraph } from "./sums_in_graph.ts";
import { goldenExamples } from "./testing/golden_examples.ts";
import { gradientName, trainingGraph } from "./training_graph.ts";

const session = { device: "cpu", threads: 1 } as const;
const examples = goldenExamples("data/tokens-chat-96.json").slice(0, 2);

async function fullGraph(model: string) {
  const base = await openBase(goldenPath(model));
  const method = fullMethod(initializeWeights(base.model, 1));
  const losses = labelLosses(method.adapt(base.model, true), method.scope(true), partsOfRow(512, "cpu"));
  return { method, graph: trainingGraph(losses, method) };
}

test.each(["models/qwen2-tied", "models/llama-gqa"])(
  "%s: passes add up where the sums lie",
  async (model) => {
    const { method, graph } = await fullGraph(model);
    const sums = sumsInGraph(method.trainables);
    const plain = await openGraph(openSession, graph, session);
    const summing = await openGraph(openSession, sums.fit(graph), session);
    const wanted = method.trainables.map(({ data }) => new Float64Array(data.length));
    for (let batch = 0; batch < 2; batch++) {
      sums.begin(examples.length);
      for (const example of examples) {
        const [row] = makePacks([example], 512);
        const feeds = () => ({
          ...rowFeeds(row!, new Float32Array(row!.targets.length).fill(1)),
          ...Object.fromEntries(method.trainables.map((t) => [t.name, t as TensorData])),
        });
        const nll = floats(new Float32Array(row!.targets.length));
        await summing.run({ ...feeds(), ...sums.before }, { nll, ...sums.into });
        if (batch > 0) continue;
        const outputs = await plain.run(feeds());
        for (const [i, { name }] of method.trainables.entries()) {
          const { data } = outputs[gradientName(name)] as TensorData;
          const sum = wanted[i]!;
          for (let k = 0; k < sum.length; k++) sum[k]! += data[k] as number;
        }
      }
      for (const [i, sum] of sums.sums().entries()) {
        const size = Math.max(...wanted[i]!.map(Math.abs));
        expect(maxDifference(sum, wanted[i]!) / size, method.trainables[i]!.name).toBeLessThan(1e-6);
      }
    }
    await plain.release();
    await summing.release();
  },
);

test("a table that is embedding and output layer is added to term by term, and by no node of its size", async () => {
  const { method, graph } = await fullGraph("models/qwen2-tied");
  const fitted = sumsInGraph(method.trainables).fit(graph);
  const name = gradientName("model.embed_tokens.weight");
  const terms = [`${name}, 1 of its terms`, `${name}, 2 of its terms`, name];
  expect(terms.map((term) => fitted[term]!.op.name)).toEqual(["add", "scatterOnto", "scatterOnto"]);
  const ofItsSize = reachable(Object.values(fitted)).filter((t) => sameShape(t.shape, fitted[name]!.shape));
  expect(ofItsSize.filter(({ op }) => !["input", "keep"].includes(op.name)).length).toBe(3 + 1); // and the product that is added
});
