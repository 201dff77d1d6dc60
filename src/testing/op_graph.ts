import { gradients } from "../graph/gradients.ts";
import { cast, mul } from "../graph/ops/elementwise.ts";
import { sumAll } from "../graph/ops/reduce.ts";
import { input, weight } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { GoldenTensor } from "./goldens.ts";
import type { OpCase } from "./op_cases.ts";

export type Float = "float32" | "float64";

/**
 * One graph of many cases, since a session a case would take minutes: its outputs are `case/y` and, by each trained input
 * x, `case/x.grad`, the gradient of sum(y * dy). Inputs are `case/x` and `case/dy`.
 */
export function opGraph(
  cases: ReadonlyMap<string, OpCase>,
  golden: ReadonlyMap<string, GoldenTensor>,
  float: Float,
) {
  const outputs: Record<string, Tensor> = {};
  for (const [name, opCase] of cases) Object.assign(outputs, caseOutputs(name, opCase, golden, float));
  return outputs;
}

function caseOutputs(
  name: string,
  { y: build, frozen = [], shapes = {}, bfloat16 }: OpCase,
  golden: ReadonlyMap<string, GoldenTensor>,
  float: Float,
): Record<string, Tensor> {
  const declare = (key: string): Tensor => {
    const { dtype, shape, data } = golden.get(`${name}/${key}`)!;
    if (key === bfloat16) return cast(bfloat16Weight(`${name}/${key}`, shape, data), float);
    const named = (shapes as Record<string, readonly (number | string)[]>)[key];
    return input(`${name}/${key}`, named ?? shape, dtype === "float64" ? float : dtype);
  };
  const at = Object.fromEntries(inputNames(name, golden).map((key) => [key, declare(key)]));
  const y = build(at as Parameters<OpCase["y"]>[0]);
  const trained = Object.keys(at).filter(
    (key) => at[key]!.dtype === float && !(frozen as readonly string[]).includes(key),
  );
  if (y.dtype !== float || !trained.length) return { [`${name}/y`]: y };
  const dy = input(`${name}/dy`, y.shape, float);
  const found = gradients(
    sumAll(mul(y, dy)),
    trained.map((key) => at[key]!),
  );
  return {
    [`${name}/y`]: y,
    ...Object.fromEntries(trained.map((key, i) => [`${name}/${key}.grad`, found[i]!])),
  };
}

/** Inputs of a case, in the golden file's order. */
function inputNames(name: string, golden: ReadonlyMap<string, GoldenTensor>): string[] {
  const keys = [...golden.keys()]
    .filter((key) => key.startsWith(`${name}/`))
    .map((key) => key.slice(name.length + 1));
  return keys.filter((key) => key !== "y" && key !== "dy" && !key.endsWith(".grad"));
}

function bfloat16Weight(name: string, shape: readonly number[], data: readonly number[]): Tensor {
  const upper = Uint16Array.from(new Uint32Array(Float32Array.from(data).buffer), (bits) => bits >>> 16);
  return weight(name, { dtype: "bfloat16", shape }, { bytes: new Uint8Array(upper.buffer) });
}
