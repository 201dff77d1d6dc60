import { isInput } from "../graph/sources.ts";
import type { DType, Tensor } from "../graph/tensor.ts";
import { reachable } from "../graph/walk.ts";
import { openSession as openNode } from "../runtime/node.ts";
import { openGraph } from "../runtime/open_graph.ts";
import type { Data, Device, SessionOptions, TensorData } from "../runtime/session.ts";
import { openSession as openWeb } from "../runtime/web.ts";

/** An array with a shape, as tests write it. */
export interface Values {
  shape: readonly number[];
  data: readonly number[];
}
export type Feeds = Record<string, Values>;

/** A function that computes `outputs` on `device`; call `release` after the last use. */
export async function compile(
  outputs: Record<string, Tensor>,
  device: Device = "cpu",
  options: Partial<SessionOptions> = {},
) {
  const open = device === "wasm" ? openWeb : openNode;
  const session = await openGraph(open, outputs, { device, threads: 1, ...options });
  const inputs = reachable(Object.values(outputs)).filter(isInput);
  return {
    async run(feeds: Feeds): Promise<Record<string, Values>> {
      const results = await session.run(
        Object.fromEntries(
          inputs.map(({ attributes: { name }, dtype }) => [name, tensorData(feeds[name]!, dtype)]),
        ),
      );
      return Object.fromEntries(
        Object.entries(results).map(([name, { shape, data }]) => [
          name,
          { shape, data: Array.from(data, Number) },
        ]),
      );
    },
    release: () => session.release(),
  };
}

/** Computes `outputs` once. */
export async function evaluate(outputs: Record<string, Tensor>, feeds: Feeds, device: Device = "cpu") {
  const compiled = await compile(outputs, device);
  return compiled.run(feeds).finally(() => compiled.release());
}

function tensorData({ shape, data }: Values, dtype: DType): TensorData {
  return { dtype, shape, data: typed(data, dtype) };
}

function typed(data: readonly number[], dtype: DType): Data {
  if (dtype === "int64") return BigInt64Array.from(data, BigInt);
  if (dtype === "int32") return Int32Array.from(data);
  if (dtype === "float64") return Float64Array.from(data);
  if (dtype === "float32") return Float32Array.from(data);
  if (dtype === "uint8" || dtype === "bool") return Uint8Array.from(data);
  throw new Error(`tests feed no ${dtype}`);
}
