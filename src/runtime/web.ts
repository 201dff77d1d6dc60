import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-web";
import type { OnnxModel } from "../graph/onnx/writer.ts";
import { type DType, sizeOf } from "../graph/tensor.ts";
import { AttuneError } from "../text/errors.ts";
import { copyKey, copyModel } from "./copy_model.ts";
import { openingError, runError } from "./failures.ts";
import { runtimeOptions } from "./runtime_options.ts";
import {
  type Data,
  type DeviceTensor,
  isHost,
  keepsTensors,
  type OpenSession,
  type SessionOptions,
  type TensorData,
} from "./session.ts";
import { turns } from "./turns.ts";

/** What lies in a file, by the name that weights give it; a Blob is read when a session is opened. */
export type WeightFiles = ReadonlyMap<string, Uint8Array | Blob>;

type Runtime = typeof import("onnxruntime-web");
type Values = Readonly<Record<string, OrtTensor>>;

/** A tensor on a device. */
interface Placed extends DeviceTensor {
  readonly value: OrtTensor;
}

/** The web's runtime runs one session at a time. */
const inTurn = turns();

/** Opens models whose weights lie in memory. */
export const openSession: OpenSession = (model, options) => openSessionOver(new Map())(model, options);

/**
 * Opens models whose weights lie in `files`, in ONNX Runtime Web, where the caller is: in a browser call it from a Web
 * Worker. The package is loaded only here, so that who runs in Node alone need not install it.
 */
export const openSessionOver =
  (files: WeightFiles): OpenSession =>
  async (model, options) => {
    const runtime = await import("onnxruntime-web");
    if (options.threads !== undefined) runtime.env.wasm.numThreads = options.threads;
    const session = await open(runtime, model.bytes, options, externalData(model, files));
    const wrap = ({ dtype, shape, ...tensor }: DeviceTensor): OrtTensor => {
      if (!isHost(tensor as DeviceTensor)) return (tensor as Placed).value;
      const data = (tensor as TensorData).data.subarray(0, sizeOf(shape));
      return new runtime.Tensor(dtype as "float32", data as Float32Array, shape);
    };
    const compute = async (by: InferenceSession, feeds: Readonly<Record<string, DeviceTensor>>) => {
      const results = await by.run(mapValues(feeds, wrap)).catch((error: Error) => {
        throw runError(error.message);
      });
      return mapValues(results as Values, unwrap);
    };
    return {
      run: (feeds, into = {}) =>
        inTurn(async () => {
          const outputs = await compute(session, feeds);
          for (const [name, tensor] of Object.entries(into)) {
            (tensor.data as Float32Array).set(outputs[name]!.data as Float32Array);
            outputs[name] = tensor;
          }
          return outputs;
        }),
      place: (tensor) =>
        inTurn(async () => {
          if (!keepsTensors(options.device)) return tensor;
          const copier = await copierOf(runtime, tensor, options);
          return (await compute(copier, { value: tensor })).copy!;
        }),
      read: (tensor) =>
        inTurn(async () => {
          if (isHost(tensor)) return tensor;
          const { dtype, shape, value } = tensor as Placed;
          return { dtype, shape, data: (await value.getData()) as Data };
        }),
      async free(tensor) {
        if (!isHost(tensor)) (tensor as Placed).value.dispose();
      },
      release: () => inTurn(() => session.release()),
    };
  };

function open(
  { InferenceSession }: Runtime,
  model: Uint8Array,
  options: SessionOptions,
  externalData?: InferenceSession.SessionOptions["externalData"],
): Promise<InferenceSession> {
  const { device, profilePrefix } = options;
  if (profilePrefix) throw noProfile();
  // No second provider is named: the runtime would run on that one alone where the first is missing.
  const executionProviders = [device === "cpu" ? "wasm" : device];
  const own = { ...runtimeOptions(options), executionProviders, ...(externalData && { externalData }) };
  return InferenceSession.create(model, own).catch((error: Error) => {
    throw openingError(error.message, options);
  });
}

function externalData({ files: places }: OnnxModel, files: WeightFiles) {
  return Array.from(places, ([path, file]) => {
    const data = files.get(file);
    if (!data) throw missingFile(file, [...files.keys()]);
    return { path, data };
  });
}

/** Sessions that copy a value to the device, by its type and rank. */
const copiers = new Map<string, Promise<InferenceSession>>();

function copierOf(
  runtime: Runtime,
  tensor: DeviceTensor,
  { device }: SessionOptions,
): Promise<InferenceSession> {
  const key = `${device} ${copyKey(tensor)}`;
  const copier = copiers.get(key) ?? open(runtime, copyModel(tensor), { device, kept: ["copy"] });
  copiers.set(key, copier);
  return copier;
}

/** What the runtime left on the device is a `Placed`. */
function unwrap(value: OrtTensor): TensorData {
  const about = { dtype: value.type as DType, shape: value.dims };
  const tensor: TensorData | Placed =
    value.location === "cpu" ? { ...about, data: value.data as Data } : { ...about, value };
  return tensor as TensorData;
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, f: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value)]));
}

const noProfile = () =>
  new AttuneError({
    code: "runtime.no-profile",
    place: "profilePrefix",
    problem: "the web's runtime writes no profile",
    wayOut: "Leave it out, or run in Node",
  });

const missingFile = (file: string, known: readonly string[]) =>
  new AttuneError({
    code: "runtime.missing-file",
    place: file,
    problem: "weights of the model lie in this file, which was not given",
    expected: "its bytes or a Blob",
    got: known.length > 0 ? `files ${known.join(", ")}` : "no files",
  });
