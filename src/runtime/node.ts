import { once } from "node:events";
import { cpus } from "node:os";
import { parse } from "node:path";
import { Worker } from "node:worker_threads";
import { AttuneError } from "../errors.ts";
import type { OnnxModel } from "../graph/onnx.ts";
import type { DType } from "../graph/tensor.ts";
import type { Data, OpenSession, Session, SessionOptions, TensorData } from "./session.ts";

/** A value as the worker wants it. */
interface Message {
  type: string;
  shape: readonly number[];
  data: Data;
}
type Messages = Record<string, Message>;

interface Reply {
  error?: string;
  results?: Messages;
  lent?: { feeds: Messages; into: Messages };
}

/** Opens `model` in a thread of its own. */
export const openSession: OpenSession = async (model, options) => {
  const worker = new Worker(new URL("./session_worker.mjs", import.meta.url), {
    workerData: { model: model.bytes, options: runtimeOptions(options) },
  });
  const [reply] = (await once(worker, "message")) as [Reply];
  if (reply.error) {
    await worker.terminate();
    throw openingError(reply.error, options);
  }
  worker.unref();
  return session(worker, model);
};

function session(worker: Worker, model: OnnxModel): Session {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(task: () => Promise<T>): Promise<T> => {
    const result = last.then(task);
    last = result.catch(() => {});
    return result;
  };
  const ask = async (message: object, transfer: ArrayBuffer[] = []): Promise<Reply> => {
    worker.ref();
    worker.postMessage(message, transfer);
    const [reply] = (await once(worker, "message")) as [Reply];
    worker.unref();
    return reply;
  };
  return {
    run: (feeds, into = {}) =>
      inTurn(async () => {
        const message = {
          feeds: toMessages(feeds),
          into: toMessages(into),
          fetch: [...model.outputs.keys()],
        };
        const reply = await ask(message, buffersOf(feeds, into));
        giveBack(feeds, reply.lent!.feeds);
        giveBack(into, reply.lent!.into);
        if (reply.error) throw runError(reply.error);
        return { ...into, ...fromMessages(reply.results!) };
      }),
    release: () =>
      inTurn(async () => {
        await ask({ release: true });
        await worker.terminate();
      }),
  };
}

/**
 * Memory settings as measured: no arena halves the peak at the same speed, and so does not packing weights twice.
 * The graph is written as it should run and is not optimized again: folding would widen a bfloat16 weight for good,
 * merging equal values would keep alive what is recomputed on purpose, and fused nodes would move in the order.
 */
function runtimeOptions({ device, threads, foldConstants, profilePrefix }: SessionOptions) {
  return {
    executionProviders: device === "cpu" ? ["cpu"] : [device, "cpu"],
    graphOptimizationLevel: foldConstants ? "all" : "disabled",
    executionMode: "sequential",
    intraOpNumThreads: threads ?? cpus().length,
    enableCpuMemArena: false,
    enableMemPattern: false,
    logSeverityLevel: 3,
    ...(profilePrefix && { enableProfiling: true, profileFilePrefix: profilePrefix }),
    extra: {
      session: {
        disable_prepacking: "1",
        model_external_initializers_file_folder_path: parse(process.cwd()).root,
        // The calling thread spins while others work: short ops would otherwise pay for waking it.
        "intra_op.allow_spinning": "1",
      },
    },
  };
}

const toMessages = (tensors: Readonly<Record<string, TensorData>>): Messages =>
  Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape, data }]) => [name, { type: dtype, shape, data }]),
  );

const fromMessages = (messages: Messages): Record<string, TensorData> =>
  Object.fromEntries(
    Object.entries(messages).map(([name, { type, shape, data }]) => [
      name,
      { dtype: type as DType, shape, data },
    ]),
  );

const buffersOf = (...groups: Readonly<Record<string, TensorData>>[]): ArrayBuffer[] => [
  ...new Set(groups.flatMap((group) => Object.values(group).map(({ data }) => data.buffer as ArrayBuffer))),
];

function giveBack(tensors: Readonly<Record<string, TensorData>>, messages: Messages): void {
  for (const [name, tensor] of Object.entries(tensors)) tensor.data = messages[name]!.data;
}

function openingError(message: string, { device }: SessionOptions): Error {
  const missing = /provider|backend|execution|not (?:available|found|supported)|shared object/i.test(message);
  if (device !== "cpu" && missing)
    return new AttuneError(`device ${device} is not available here: ${message}. Use device: cpu.`);
  return new AttuneError(`the runtime refused the model: ${message}`);
}

function runError(message: string): Error {
  if (/alloc/i.test(message))
    return new AttuneError(
      `out of memory in a step: ${message}. Lower training.maxLength or choose a smaller model.`,
    );
  return new AttuneError(`the runtime failed: ${message}`);
}
