import type { Failure, Input, Name, Output, Reply, Request, Tell } from "./protocol.ts";

/** What the worker could not do. */
export class WorkerFailure extends Error {
  /** None when it is the program's own fault. */
  readonly code?: string;
  constructor({ code, message }: Failure) {
    super(message);
    this.code = code;
  }
}

interface Waiting {
  tell?: (event: unknown) => void;
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

export interface Client {
  call<K extends Name>(name: K, input: Input<K>, tell?: Tell<K>): Promise<Output<K>>;
  /** Ends the worker; the next one is given its model again. */
  renew(): void;
}

/** Code of the failure that all calls under way end with when the worker dies: mostly for want of memory. */
export const WORKER_DIED = "playground.worker-died";

/** A worker, and after its death the next one. `onDeath` is called so that it can be given its model again. */
export function startClient(onDeath: () => void): Client {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let last = 0;

  const start = () => {
    const started = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "attune" });
    started.onmessage = ({ data }: MessageEvent<Reply>) => {
      const call = waiting.get(data.id);
      if ("event" in data) return call?.tell?.(data.event);
      waiting.delete(data.id);
      if ("failure" in data) call?.reject(new WorkerFailure(data.failure));
      else call?.resolve(data.value);
    };
    started.onerror = (event) => {
      event.preventDefault();
      end(event.message || "the worker ended");
    };
    return started;
  };
  const end = (message: string) => {
    worker?.terminate();
    worker = undefined;
    for (const { reject } of waiting.values()) reject(new WorkerFailure({ code: WORKER_DIED, message }));
    waiting.clear();
    onDeath();
  };

  return {
    call: (name, input, tell) =>
      new Promise((resolve, reject) => {
        worker ??= start();
        const id = ++last;
        waiting.set(id, { tell: tell as Waiting["tell"], resolve: resolve as Waiting["resolve"], reject });
        worker.postMessage({ id, name, input } satisfies Request);
      }),
    renew: () => end("the worker is renewed"),
  };
}
