import { expect, test } from "vitest";
import { quantize8bit } from "../../quantization/quantize8bit.ts";
import { difference } from "../../testing/difference.ts";
import { evaluate } from "../../testing/evaluate.ts";
import { uniform } from "../../testing/random.ts";
import { gradients } from "../gradients.ts";
import { recomputeCheap } from "../passes/recompute.ts";
import { input, weight } from "../sources.ts";
import { linearCrossEntropy } from "./cross_entropy.ts";
import { mul } from "./elementwise.ts";
import { int8CrossEntropy, int8HeadParts } from "./frozen_head.ts";
import { sumAll } from "./reduce.ts";

const [S, D, V] = [5, 32, 41];
const W = Float32Array.from(uniform(V * D, 1));
const hidden = Float32Array.from(uniform(S * D, 2), (x) => 3 * x);
const targets = [0, 40, 7, 7, 23];
const packed = quantize8bit(W, V);

const head = () =>
  weight(
    "head",
    { dtype: "float32", shape: [V, D] },
    { bytes: new Uint8Array(W.buffer) },
    {
      codes: { bytes: new Uint8Array(packed.codes.buffer) },
      absmax: { bytes: new Uint8Array(packed.absmax.buffer) },
    },
  );

/** By the definition, in float64: hidden rows as multiples of max |h| / 127, weights as their codes stand for. */
function expected() {
  const nll: number[] = [];
  const gradient: number[] = [];
  for (let s = 0; s < S; s++) {
    const row = hidden.subarray(s * D, (s + 1) * D);
    const step = Math.max(...row.map(Math.abs)) / 127;
    const h = Array.from(row, (x) => Math.round(x / step) * step);
    const w = (v: number, d: number) => (packed.codes[v * D + d]! * packed.absmax[v]!) / 127;
    const logits = Array.from({ length: V }, (_, v) => h.reduce((sum, x, d) => sum + x * w(v, d), 0));
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    nll.push(Math.log(total) - logits[targets[s]!]!);
    for (let d = 0; d < D; d++) {
      const mean = logits.reduce((sum, logit, v) => sum + (Math.exp(logit) / total) * w(v, d), 0);
      gradient.push(mean - w(targets[s]!, d));
    }
  }
  return { nll, gradient };
}

async function found(rows: number) {
  const x = input("hidden", ["S", D]);
  const weightOf = head();
  const nll = int8CrossEntropy(x, weightOf, int8HeadParts(weightOf, rows)!, input("targets", ["S"], "int64"));
  const [gradient] = gradients(sumAll(mul(nll, input("dy", ["S"]))), [x], { recompute: recomputeCheap });
  return evaluate(
    { nll, gradient: gradient! },
    {
      hidden: { shape: [S, D], data: [...hidden] },
      targets: { shape: [S], data: targets },
      dy: { shape: [S], data: targets.map(() => 1) },
    },
  );
}

test.each([V, 9])("loss and gradient of a head in 8 bits, %i rows at once", async (rows) => {
  const { nll, gradient } = await found(rows);
  const exact = expected();
  expect(difference(nll!, { shape: [S], data: exact.nll }, 2e-6)).toBe("");
  const off = gradient!.data.map((value, i) => value - exact.gradient[i]!);
  // Softmax weights are rounded to 255 steps of a part's largest: measured 0.004.
  expect(Math.hypot(...off) / Math.hypot(...exact.gradient)).toBeLessThan(0.01);
});

test.each([
  [true, "in 8 bits"],
  [false, "as it is"],
])("in integers %s: a head that is there in 8 bits is multiplied %s", async (inIntegers) => {
  const x = input("hidden", ["S", D]);
  const y = linearCrossEntropy(x, head(), input("targets", ["S"], "int64"), { inIntegers });
  const { y: nll } = await evaluate(
    { y },
    { hidden: { shape: [S, D], data: [...hidden] }, targets: { shape: [S], data: targets } },
  );
  const isRounded = difference(nll!, { shape: [S], data: expected().nll }, 2e-6) === "";
  expect(isRounded).toBe(inIntegers);
});
