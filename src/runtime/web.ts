import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-web";
import type { DType } from "../graph/tensor.ts";
import { openingError, runError } from "./failures.ts";
import type { Data, OpenSession, TensorData } from "./session.ts";
import { turns } from "./turns.ts";

/** The web's runtime runs one session at a time. */
const inTurn = turns();

/**
 * Opens `model` in ONNX Runtime Web, where the caller is: in a browser call it from a Web Worker. The package is loaded
 * only here, so that who runs in Node alone need not install it.
 */
export const openSession: OpenSession = async (model, options) => {
  const { device, threads } = options;
  const { InferenceSession, Tensor, env } = await import("onnxruntime-web");
  if (threads !== undefined) env.wasm.numThreads = threads;
  const session = await InferenceSession.create(model.bytes, {
    executionProviders: [device === "cpu" ? "wasm" : device],
    graphOptimizationLevel: "all",
    extra: {
      optimization: { disable_specified_optimizers: "ConstantFolding;CommonSubexpressionElimination" },
    },
  }).catch((error: Error) => {
    throw openingError(error.message, options);
  });
  const wrap = ({ dtype, shape, data }: TensorData): OrtTensor => {
    const size = shape.reduce((n, d) => n * d, 1);
    return new Tensor(dtype as "float32", data.subarray(0, size) as Float32Array, shape);
  };
  const compute = async (feeds: Readonly<Record<string, TensorData>>) => {
    const results = await session
      .run(mapValues(feeds, wrap) as InferenceSession.OnnxValueMapType)
      .catch((error: Error) => {
        throw runError(error.message);
      });
    return mapValues(results as Record<string, OrtTensor>, unwrap);
  };
  return {
    run: (feeds, into = {}) =>
      inTurn(async () => {
        const outputs = await compute(feeds);
        for (const [name, tensor] of Object.entries(into)) {
          (tensor.data as Float32Array).set(outputs[name]!.data as Float32Array);
          outputs[name] = tensor;
        }
        return outputs;
      }),
    release: () => inTurn(() => session.release()),
  };
};

const unwrap = ({ type, dims, data }: OrtTensor): TensorData => ({
  dtype: type as DType,
  shape: dims,
  data: data as Data,
});

function mapValues<A, B>(record: Readonly<Record<string, A>>, f: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value)]));
}
