import { ApiError } from "./api_error.ts";

/** Requests that are answered side by side, some at a time, and those that wait for room, a bounded number of them. */
export interface Queue {
  /**
   * Runs `work` when its turn comes.
   * @throws ApiError when too many wait, or the server shuts down; the signal's reason when aborted before.
   */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Takes nothing more; resolves when all that was taken is done. */
  close(): Promise<void>;
}

/**
 * @param most how many may wait beside those that run
 * @param width how many run side by side
 */
export function createQueue(most: number, width: number): Queue {
  const waiting: (() => void)[] = [];
  const idle: (() => void)[] = [];
  let running = 0;
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
    running--;
    if (running === 0) for (const done of idle.splice(0)) done();
  };

  return {
    async run(work, signal) {
      signal.throwIfAborted();
      if (isClosed) throw closed();
      const isFull = running >= width;
      if (isFull && waiting.length >= most) throw full(waiting.length);
      if (isFull)
        await turn(signal); // who is done hands its place over
      else running++;
      try {
        return await work();
      } finally {
        next();
      }
    },
    async close() {
      isClosed = true;
      if (running > 0) await new Promise<void>((done) => idle.push(done));
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
