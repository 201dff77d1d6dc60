import { ApiError } from "./api_error.ts";

/** Requests that wait for their turn, a bounded number of them. */
export interface Queue {
  /**
   * Runs `work` when its turn comes.
   * @throws ApiError when too many wait, or the server shuts down; the signal's reason when aborted before.
   */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Takes nothing more; resolves when all that was taken is done. */
  close(): Promise<void>;
}

/** @param most how many may wait beside the one that runs */
export function createQueue(most: number): Queue {
  const waiting: (() => void)[] = [];
  const idle: (() => void)[] = [];
  let isRunning = false;
  let isClosed = false;

  const turn = (signal: AbortSignal) =>
    new Promise<void>((start, fail) => {
      const leave = () => {
        waiting.splice(waiting.indexOf(begin), 1);
        fail(signal.reason);
      };
      const begin = () => {
        signal.removeEventListener("abort", leave);
        start();
      };
      waiting.push(begin);
      signal.addEventListener("abort", leave, { once: true });
    });
  const next = () => {
    const begin = waiting.shift();
    if (begin) return begin();
    isRunning = false;
    for (const done of idle.splice(0)) done();
  };

  return {
    async run(work, signal) {
      signal.throwIfAborted();
      if (isClosed) throw closed();
      if (isRunning && waiting.length >= most) throw full(waiting.length);
      if (isRunning) await turn(signal);
      isRunning = true;
      try {
        return await work();
      } finally {
        next();
      }
    },
    async close() {
      isClosed = true;
      if (isRunning) await new Promise<void>((done) => idle.push(done));
    },
  };
}

const full = (waiting: number) =>
  new ApiError({
    status: 429,
    message: `${waiting} requests wait already. Try again later.`,
    reason: "rate_limit_exceeded",
    headers: { "retry-after": "1" },
  });

const closed = () =>
  new ApiError({
    status: 503,
    message: "The server is shutting down.",
    reason: "shutting_down",
    headers: { "retry-after": "5" },
  });
