import { cpus } from "node:os";
import { dirname, parse, resolve } from "node:path";
import type { OnnxModel } from "../graph/onnx/writer.ts";
import { type DType, sizeOf } from "../graph/tensor.ts";
import { AttuneError } from "../text/errors.ts";
import { copyKey, copyModel } from "./copy_model.ts";
import { cudaFacts, noCuda, requireCuda } from "./cuda.ts";
import { openingError, runError } from "./failures.ts";
import { STOP, stopAtFirst } from "./no_copies.ts";
import { runtimeOptions } from "./runtime_options.ts";
import { selfCheck } from "./self_check.ts";
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
import { type SessionThread, startThread, type ThreadAnswer } from "./session_thread.ts";

/** A value as the worker wants it: an array, or the handle of one that lies on the device. */
interface Message {
  type: string;
  shape: readonly number[];
  data?: Data;
  handle?: number;
}
type Messages = Record<string, Message>;

interface RunReply {
  results: Messages;
  lent: { feeds: Messages; into: Messages };
}

/** A tensor on a device, known in its thread by a number. */
interface Placed extends DeviceTensor {
  readonly handle: number;
}

/** What the runtime is, and the devices it was built for. */
export interface RuntimeFacts {
  version: string;
  devices: string[];
}

/** @throws AttuneError when the runtime can't be loaded. */
export async function runtimeFacts(): Promise<RuntimeFacts> {
  const thread = startThread();
  const { about, error = "it gave no answer" } = await thread.ask<{ about: RuntimeFacts }>("about");
  await thread.end();
  if (!about) throw runError(error);
  return about;
}

/**
 * Opens `model` in a thread of its own. Where tensors stay on the device, all sessions of the device share one thread,
 * which those tensors can't leave.
 */
export const openSession: OpenSession = async (model, options) => {
  requireDisk(model);
  if (options.device === "cuda") await checkCuda();
  return openInMemory(model, options);
};

const openInMemory: OpenSession = (model, options) => {
  const folder = parse(process.cwd()).root;
  if (options.device !== "cpu") return open({ source: model.bytes, folder }, model, options);
  const source = Buffer.concat([stopAtFirst(), model.bytes]);
  return open({ source, folder, stop: STOP }, model, options);
};

let cudaCheck: Promise<void> | undefined;

/** Once a process, before the first session. @throws AttuneError that says what CUDA lacks, or what failed there. */
export function checkCuda(): Promise<void> {
  cudaCheck ??= tryCuda().catch((error) => {
    cudaCheck = undefined;
    const isSaid = error instanceof AttuneError && error.code === "runtime.no-cuda";
    throw isSaid ? error : noCuda(cudaFacts(), `a small product failed there: ${error.message}`);
  });
  return cudaCheck;
}

async function tryCuda(): Promise<void> {
  requireCuda();
  await selfCheck(openInMemory, "cuda");
}

/**
 * Opens a model file, whose inputs and outputs are those of `model`, as other programs would. What it keeps outside lies
 * beside it.
 */
export const openModelFile = (
  path: string,
  model: Pick<OnnxModel, "outputs">,
  options: SessionOptions,
): Promise<Session> => open({ source: path, folder: dirname(resolve(path)) }, model, options);

interface Source {
  source: Uint8Array | string;
  /** In which the weights' files are named. */
  folder: string;
  /** The output that a run stops at where no output is to be copied. */
  stop?: string;
}

async function open(
  { source, folder, stop }: Source,
  model: Pick<OnnxModel, "outputs">,
  options: SessionOptions,
): Promise<Session> {
  const { thread, leave } = keepsTensors(options.device) ? sharedThread(options.device) : ownThread();
  const id = nextId++;
  const opening = { id, model: source, options: nodeOptions(options, folder) };
  const { error } = await thread.inTurn(() => thread.ask("open", opening));
  if (!error) return session({ thread, leave }, id, { ...model, stop }, options);
  await leave();
  const failure = openingError(error, options);
  const isCuda = options.device === "cuda" && failure.code === "runtime.missing-device";
  throw isCuda ? noCuda(cudaFacts(), error) : failure;
}

let nextId = 0;

function requireDisk({ files }: OnnxModel): void {
  const blob = [...files.values()].find((file) => file.blob);
  if (!blob) return;
  throw new AttuneError({
    code: "runtime.blob-in-node",
    place: blob.file,
    problem: "it is a Blob; the runtime of Node reads weights from a disk or from bytes",
    wayOut: "Give the file's bytes, or open sessions with the web's runtime",
  });
}

/** A thread, and how a session leaves it: with the last one it ends. */
interface Lodging {
  thread: SessionThread;
  leave(): Promise<void>;
}

/** Threads without a session, for the next one: to start one takes longer than to open a small model. */
const idle: SessionThread[] = [];
const MOST_IDLE = 1;

function ownThread(): Lodging {
  const thread = takeIdle() ?? startThread();
  return {
    thread,
    async leave() {
      if (thread.hasEnded() || idle.length >= MOST_IDLE) await thread.end();
      else idle.push(thread);
    },
  };
}

function takeIdle(): SessionThread | undefined {
  const thread = idle.pop();
  return thread?.hasEnded() ? takeIdle() : thread;
}

const shared = new Map<Device, { thread: SessionThread; sessions: number }>();

function sharedThread(device: Device): Lodging {
  const known = shared.get(device);
  const entry = known && !known.thread.hasEnded() ? known : { thread: startThread(), sessions: 0 };
  shared.set(device, entry);
  entry.sessions++;
  return {
    thread: entry.thread,
    async leave() {
      if (--entry.sessions > 0) return;
      if (shared.get(device) === entry) shared.delete(device);
      await entry.thread.end();
    },
  };
}

function session(
  { thread, leave }: Lodging,
  id: number,
  { outputs, stop }: Pick<OnnxModel, "outputs"> & Pick<Source, "stop">,
  options: SessionOptions,
): Session {
  let isReleased = false;
  let releasing: Promise<void> | undefined;
  const ask = async (task: string, message: object, transfer?: ArrayBuffer[]) => {
    const reply: ThreadAnswer<RunReply> = isReleased
      ? { error: "the session was released" }
      : await thread.ask<RunReply>(task, { id, ...message }, transfer);
    return reply;
  };
  const results = ({ error, results }: ThreadAnswer<RunReply>) => {
    if (error) throw runError(error);
    return fromMessages(results!);
  };
  /** `kept` is where the copy is wanted: "copy" on the device, nothing here. */
  const copied = async (value: Message, like: DeviceTensor, kept: readonly string[]) => {
    const key = `${copyKey(like)} ${kept}`;
    const copier = { key, model: copyModel(like), options: nodeOptions({ device: options.device, kept }) };
    return results(await thread.inTurn(() => ask("copy", { value, copier }))).copy!;
  };
  return {
    run: (feeds, into = {}) =>
      thread.inTurn(async () => {
        const fetch = [...outputs.keys()];
        const isAllGiven = fetch.every((name) => name in into);
        const lent = { feeds: toMessages(feeds), into: toMessages(into) };
        const message = { ...lent, fetch, stop: isAllGiven ? stop : undefined };
        const reply = await ask("run", message, buffersOf(feeds, into));
        if (reply.lent) {
          giveBack(feeds, reply.lent.feeds);
          giveBack(into, reply.lent.into);
        }
        return { ...into, ...results(reply) };
      }),
    place: async (tensor) =>
      keepsTensors(options.device)
        ? copied({ ...toMessage(tensor), data: ownCopy(tensor) }, tensor, ["copy"])
        : tensor,
    read: async (tensor) => (isHost(tensor) ? tensor : copied(toMessage(tensor), tensor, [])),
    async free(tensor) {
      if (!isHost(tensor)) await thread.inTurn(() => ask("free", toMessage(tensor)));
    },
    release() {
      releasing ??= thread
        .inTurn(() => {
          isReleased = true;
          return thread.ask("release", { id });
        })
        .then(leave);
      return releasing;
    },
  };
}

function nodeOptions(options: SessionOptions, folder?: string) {
  const { device, threads } = options;
  const { extra, ...rest } = runtimeOptions(options);
  const place = folder !== undefined && { model_external_initializers_file_folder_path: folder };
  return {
    executionProviders: device === "cpu" ? ["cpu"] : [device, "cpu"],
    intraOpNumThreads: threads ?? cpus().length,
    ...rest,
    extra: { session: { ...extra.session, ...place } },
  };
}

const toMessage = (tensor: DeviceTensor): Message => {
  const { dtype: type, shape } = tensor;
  return isHost(tensor)
    ? { type, shape, data: tensor.data }
    : { type, shape, handle: (tensor as Placed).handle };
};

const toMessages = (tensors: Readonly<Record<string, DeviceTensor>>): Messages =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, toMessage(tensor)]));

/** Of what may be a part of a larger buffer, which would go along. */
const ownCopy = ({ data, shape }: TensorData): Data => data.slice(0, sizeOf(shape));

/** What is kept on the device is a `Placed`. */
function fromMessages(messages: Messages): Record<string, TensorData> {
  const tensors = Object.entries(messages).map(([name, { type, shape, data, handle }]) => {
    const about = { dtype: type as DType, shape };
    return [name, data ? { ...about, data } : { ...about, handle }];
  });
  return Object.fromEntries(tensors);
}

const buffersOf = (...groups: Readonly<Record<string, DeviceTensor>>[]): ArrayBuffer[] => {
  const arrays = groups.flatMap((group) => Object.values(group).filter(isHost));
  return [...new Set(arrays.map(({ data }) => data.buffer as ArrayBuffer))];
};

function giveBack(tensors: Readonly<Record<string, DeviceTensor>>, messages: Messages): void {
  for (const [name, tensor] of Object.entries(tensors))
    if (isHost(tensor)) tensor.data = messages[name]!.data!;
}
