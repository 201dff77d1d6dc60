import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-web";
import type { OnnxModel } from "../graph/onnx/writer.ts";
import { type DType, sizeOf } from "../graph/tensor.ts";
import { AttuneError } from "../text/errors.ts";
import { copyKey, copyModel } from "./copy_model.ts";
import { gpuLost, openingError, runError } from "./failures.ts";
import { runtimeOptions } from "./runtime_options.ts";
import {
  type Data,
  type Device,
  type DeviceTensor,
  isHost,
  keepsTensors,
  type OpenSession,
  type Session,
  type SessionOptions,
  type TensorData,
} from "./session.ts";
import { turns } from "./turns.ts";

/** What lies in files that weights name without a Blob. */
export type WeightFiles = ReadonlyMap<string, Uint8Array | Blob>;

type Runtime = typeof import("onnxruntime-web");
type Feeds = Readonly<Record<string, DeviceTensor>>;

/** A tensor on a device; without a value, one that was freed. */
interface Placed extends DeviceTensor {
  value?: OrtTensor;
}

/** The web's runtime runs one session at a time. */
const inTurn = turns();

/** Opens models whose weights lie in memory or in Blobs, which are read when a session is opened. */
export const openSession: OpenSession = (model, options) => openSessionOver(new Map())(model, options);

/**
 * Opens models whose weights may lie in `files`, too, in ONNX Runtime Web, where the caller is: in a browser call it from a Web
 * Worker. The package is loaded only here, so that who runs in Node alone need not install it.
 */
export const openSessionOver =
  (files: WeightFiles): OpenSession =>
  async (model, options) => {
    const runtime = await runtimeFor(options);
    const threads = globalThis.crossOriginIsolated ? options.threads : 1; // else memory can't be shared
    if (threads !== undefined) runtime.env.wasm.numThreads = threads;
    const inference = await open(runtime, model.bytes, options, externalData(model, files));
    return session(runtime, inference, options);
  };

/**
 * The package has a runtime with Node's WebGPU kernels, which lacks some of the CPU's (it can't widen bfloat16), and one
 * without any, of half the size.
 */
const runtimeFor = ({ device }: SessionOptions): Promise<Runtime> =>
  keepsTensors(device) ? import("onnxruntime-web/webgpu") : import("onnxruntime-web/wasm");

function session(runtime: Runtime, inference: InferenceSession, options: SessionOptions): Session {
  const own = new Set<Placed>();
  const { isLost, unlessLost } = watchOf(runtime, options.device);
  const free = (tensor: Placed) => {
    if (!isLost()) tensor.value?.dispose(); // what a lost device held is free, and may be waited for
    tensor.value = undefined;
    own.delete(tensor);
  };
  const compute = async (by: InferenceSession, feeds: Feeds): Promise<Record<string, TensorData>> => {
    const values = mapValues(feeds, (tensor) => wrap(runtime, tensor));
    const results = await unlessLost(() => by.run(values)).catch(saidByRuntime);
    const tensors = mapValues(results as Record<string, OrtTensor>, unwrap);
    for (const tensor of Object.values(tensors)) if (!isHost(tensor)) own.add(tensor);
    return tensors as Record<string, TensorData>; // or, where they are kept, as the session is declared
  };
  return {
    run: (feeds, into = {}) =>
      inTurn(async () => {
        const outputs = await compute(inference, feeds);
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
        const { dtype, shape } = tensor;
        const data = await unlessLost(() => heldBy(tensor).getData()).catch(saidByRuntime);
        return { dtype, shape, data: data as Data };
      }),
    free: (tensor) =>
      inTurn(async () => {
        if (!isHost(tensor)) free(tensor);
      }),
    release: () =>
      inTurn(async () => {
        for (const tensor of own) free(tensor);
        await unlessLost(() => inference.release()).catch(ignoreLoss);
      }),
  };
}

interface Watch {
  isLost(): boolean;
  /** Makes a task of a GPU's fail when the GPU is lost: the runtime waits for its answer for ever. */
  unlessLost<T>(task: () => Promise<T>): Promise<T>;
}

const UNLOSABLE: Watch = { isLost: () => false, unlessLost: (task) => task() };
const watches = new WeakMap<object, Watch>();

/** Of the GPU that the runtime has taken; it takes one, when it opens its first session. */
function watchOf({ env }: Runtime, device: Device): Watch {
  const gpu: object | undefined = keepsTensors(device) ? env.webgpu.device : undefined;
  if (!gpu) return UNLOSABLE;
  const watch = watches.get(gpu) ?? watchOver(env.webgpu.device);
  watches.set(gpu, watch);
  return watch;
}

/** @param gpu the device itself, or a promise of it, as its type says */
function watchOver(gpu: Runtime["env"]["webgpu"]["device"]): Watch {
  let loss: AttuneError | undefined;
  /** Of tasks without an answer: a race with the loss would hold each one's results until then. */
  const open = new Set<(error: AttuneError) => void>();
  const lost = Promise.resolve(gpu)
    .then(({ lost }) => lost)
    .then(({ message, reason }) => {
      loss = gpuLost(message || `${reason}`);
      for (const fail of open) fail(loss);
      open.clear();
    });
  return {
    isLost: () => loss !== undefined,
    unlessLost: (task) =>
      new Promise((resolve, reject) => {
        if (loss) return reject(loss);
        open.add(reject);
        // What a loss makes fail may fail before the loss is said.
        const fail = (error: Error) => Promise.race([lost, wait(MOST_BEFORE_LOSS)]).then(() => reject(error));
        void task()
          .then(resolve, fail)
          .finally(() => open.delete(reject));
      }),
  };
}

const MOST_BEFORE_LOSS = 200; // ms

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** What a lost device held is free. */
function ignoreLoss(error: Error): void {
  if (!(error instanceof AttuneError) || error.code !== "runtime.device-lost") throw error;
}

function saidByRuntime(error: unknown): never {
  throw error instanceof AttuneError ? error : runError(messageOf(error));
}

/** The runtime's WASM may throw a number. */
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

function open(
  runtime: Runtime,
  model: Uint8Array,
  options: SessionOptions,
  externalData?: InferenceSession.SessionOptions["externalData"],
): Promise<InferenceSession> {
  const { device, profilePrefix } = options;
  if (profilePrefix) throw noProfile();
  // No second provider is named: the runtime would run on that one alone where the first is missing.
  const executionProviders = [device === "cpu" ? "wasm" : device];
  const own = { ...runtimeOptions(options), executionProviders, ...(externalData && { externalData }) };
  const { unlessLost } = watchOf(runtime, device);
  return unlessLost(() => runtime.InferenceSession.create(model, own)).catch((error: unknown) => {
    throw error instanceof AttuneError ? error : openingError(messageOf(error), options);
  });
}

function externalData({ files: places }: OnnxModel, files: WeightFiles) {
  return Array.from(places, ([path, { file, blob }]) => {
    const data = blob ?? files.get(file);
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

function wrap(runtime: Runtime, tensor: DeviceTensor): OrtTensor {
  if (!isHost(tensor)) return heldBy(tensor);
  const { dtype, shape, data } = tensor;
  return new runtime.Tensor(dtype as "float32", data.subarray(0, sizeOf(shape)) as Float32Array, shape);
}

function unwrap(value: OrtTensor): TensorData | Placed {
  const about = { dtype: value.type as DType, shape: value.dims };
  return value.location === "cpu" ? { ...about, data: value.data as Data } : { ...about, value };
}

function heldBy({ value }: Placed): OrtTensor {
  if (value) return value;
  throw runError("a tensor that was freed is fed or read");
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
