import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { gradients } from "../graph/gradients.ts";
import { mul } from "../graph/ops/elementwise.ts";
import { sumAll } from "../graph/ops/reduce.ts";
import { input } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import { compile } from "../testing/evaluate.ts";
import { maxDifference, readGoldenTensors } from "../testing/goldens.ts";
import { type DeltaInputs, deltaRule } from "./delta_rule.ts";

/** Two sequences, token by token in float64: goldens/make_delta_rule.py. */
const golden = await readGoldenTensors(
  fileURLToPath(new URL("goldens/delta_rule.safetensors", import.meta.url)),
);
const LENGTHS = [97, 43];
const NAMES = ["q", "k", "v", "decay", "beta"] as const;

const feedOf = (name: string) => ({ shape: golden[name]!.shape, data: [...golden[name]!.data] });
const vector = (data: number[]) => ({ shape: [data.length], data });
const places = LENGTHS.flatMap((length) => [...Array(length).keys()]);
const sequences = LENGTHS.flatMap((length, i) => Array<number>(length).fill(5 + i));

async function computed(size: number) {
  const at = Object.fromEntries(
    NAMES.map((name): [string, Tensor] => [name, input(name, ["T", ...golden[name]!.shape.slice(1)])]),
  );
  const sequence = input("sequence", ["T"], "int32");
  const { read, learnt } = deltaRule(
    at as unknown as DeltaInputs,
    { sequence, place: input("place", ["T"], "int32") },
    size,
  );
  const loss = sumAll(mul(read, input("dy", ["T", ...golden.dy!.shape.slice(1)])));
  const found = gradients(loss, Object.values(at));
  const outputs = {
    read,
    learnt,
    ...Object.fromEntries(NAMES.map((name, i) => [`${name}.grad`, found[i]!])),
  };
  const { run, release } = await compile(outputs);
  const feeds = Object.fromEntries([...NAMES, "dy"].map((name) => [name, feedOf(name)]));
  const values = await run({ ...feeds, sequence: vector(sequences), place: vector(places) });
  await release();
  return values;
}

describe.each([64, 16, 2])("in chunks of %i tokens", (size) => {
  test("it reads and learns what it does token by token, and has PyTorch's gradients", async () => {
    const values = await computed(size);
    for (const [name, { data }] of Object.entries(values)) {
      const expected = golden[name]!.data;
      const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      // The bounds are 1e-5, and 1e-4 of gradients. Measured: TODO.
      expect(maxDifference(data, expected) / largest, name).toBeLessThan(3e-6);
    }
  });
});
