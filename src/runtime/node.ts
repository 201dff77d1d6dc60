import { once } from "node:events";
import { cpus } from "node:os";
import { parse } from "node:path";
import { Worker } from "node:worker_threads";
import type { OnnxModel } from "../graph/onnx/writer.ts";
import type { DType } from "../graph/tensor.ts";
import { openingError, runError } from "./failures.ts";
import type { Data, OpenSession, Session, SessionOptions, TensorData } from "./session.ts";
import { checkTelemetry } from "./telemetry.ts";
import { turns } from "./turns.ts";

/** A value as the worker wants it. */
interface Message {
  type: string;
  shape: readonly number[];
  data: Data;
}
type Messages = Record<string, Message>;

interface Reply {
  about?: RuntimeFacts;
  error?: string;
  results?: Messages;
  lent?: { feeds: Messages; into: Messages };
}

/** What the runtime is, and the devices it was built for. */
export interface RuntimeFacts {
  version: string;
  devices: string[];
}

/** @throws AttuneError when the runtime can't be loaded. */
export async function runtimeFacts(): Promise<RuntimeFacts> {
  checkTelemetry();
  const worker = startWorker({});
  const { about, error = "it said nothing" } = await answer(worker);
  await worker.terminate();
  if (!about) throw runError(error);
  return about;
}

function startWorker(workerData: object): Worker {
  const worker = new Worker(new URL("./session_worker.mjs", import.meta.url), { workerData });
  worker.on("error", () => {}); // told to whoever waits for an answer
  return worker;
}

/** Opens `model` in a thread of its own. */
export const openSession: OpenSession = async (model, options) => {
  checkTelemetry();
  const worker = startWorker({ model: model.bytes, options: runtimeOptions(options) });
  const { error } = await answer(worker);
  if (error) {
    await worker.terminate();
    throw openingError(error, options);
  }
  worker.unref();
  return session(worker, model);
};

function session(worker: Worker, model: OnnxModel): Session {
  const inTurn = turns();
  const ask = async (message: object, transfer: ArrayBuffer[] = []): Promise<Reply> => {
    if (hasEnded(worker)) return { error: "its thread has ended" };
    worker.postMessage(message, transfer);
    worker.ref();
    return answer(worker).finally(() => worker.unref());
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
        if (reply.lent) {
          giveBack(feeds, reply.lent.feeds);
          giveBack(into, reply.lent.into);
        }
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

/** What the worker says next. One that dies says nothing more: that is an error, too. */
async function answer(worker: Worker): Promise<Reply> {
  const stop = new AbortController();
  const end = once(worker, "exit", stop).then(([code]) => ({ error: `its thread ended with code ${code}` }));
  try {
    const reply = once(worker, "message", stop).then(([message]) => message as Reply);
    return await Promise.race([reply, end]);
  } catch (error) {
    return { error: `its thread failed: ${(error as Error).message}` };
  } finally {
    stop.abort();
  }
}

const hasEnded = (worker: Worker) => worker.threadId === -1;

/**
 * Memory settings as measured: the arena hands a step's memory from one node to the next, where fresh pages from the
 * system cost a fifth of the step; not packing weights twice saves their size.
 * The graph is written as it should run and is not optimized again: folding would widen a bfloat16 weight for good,
 * merging equal values would keep alive what is recomputed on purpose, and fused nodes would move in the order.
 */
function runtimeOptions({ device, threads, foldConstants, profilePrefix }: SessionOptions) {
  return {
    executionProviders: device === "cpu" ? ["cpu"] : [device, "cpu"],
    graphOptimizationLevel: foldConstants ? "all" : "disabled",
    executionMode: "sequential",
    intraOpNumThreads: threads ?? cpus().length,
    enableCpuMemArena: true,
    enableMemPattern: false,
    logSeverityLevel: 3,
    ...(profilePrefix && { enableProfiling: true, profileFilePrefix: profilePrefix }),
    extra: {
      session: {
        disable_prepacking: "1",
        // Hidden scores become denormals under exp, and arithmetic on those is a hundred times slower.
        set_denormal_as_zero: "1",
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
