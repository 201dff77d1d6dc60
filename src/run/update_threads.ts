import { Worker } from "node:worker_threads";
import { AttuneError } from "../text/errors.ts";
import { type AskedWorker, askedWorker } from "../threads/asked_worker.ts";
import {
  buffersOf,
  dividedWork,
  doWork,
  type UpdateReply,
  type UpdateThreads,
  type UpdateWork,
} from "../training/update_work.ts";

/** Updates are bound by memory soon. */
const MOST_THREADS = 8;

/** This thread and others beside it, which start with their first work. */
export function updateThreads(count: number): UpdateThreads {
  const size = Math.min(count, MOST_THREADS);
  let others: AskedWorker[] | undefined;
  return {
    async run(works) {
      others ??= Array.from({ length: size - 1 }, startThread);
      const [own, ...shares] = dividedWork(works, size);
      const results = new Array<number>(works.length);
      const lent = shares.map(async (places, i) => {
        const reply = await asked(
          others![i]!,
          places.map((place) => works[place]!),
        );
        for (const [j, place] of places.entries()) {
          Object.assign(works[place]!, { arrays: reply.arrays[j] });
          results[place] = reply.results[j]!;
        }
      });
      for (const place of own!) results[place] = doWork(works[place]!);
      await Promise.all(lent);
      return results;
    },
    async close() {
      await Promise.all((others ?? []).map(({ end }) => end()));
      others = undefined;
    },
  };
}

const startThread = (): AskedWorker =>
  askedWorker(new Worker(new URL("./update_worker.mjs", import.meta.url), { execArgv: [] }));

const asked = (worker: AskedWorker, works: readonly UpdateWork[]): Promise<UpdateReply> =>
  worker
    .ask<UpdateReply>(works, buffersOf(works.map(({ arrays }) => arrays)))
    .catch((error: Error) => Promise.reject(ended(error.message)));

const ended = (why: string) =>
  new AttuneError({
    code: "run.update-thread-ended",
    place: "optimizer",
    problem: `a thread ended before its work was done: ${why}`,
    wayOut: "Start the same command again: the run goes on from its last checkpoint",
  });
