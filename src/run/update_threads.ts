import { Worker } from "node:worker_threads";
import { AttuneError } from "../text/errors.ts";
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
  let others: UpdateThread[] | undefined;
  return {
    async run(works) {
      others ??= Array.from({ length: size - 1 }, startThread);
      const [own, ...shares] = dividedWork(works, size);
      const results = new Array<number>(works.length);
      const lent = shares.map(async (places, i) => {
        const reply = await others![i]!.run(places.map((place) => works[place]!));
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

type UpdateThread = ReturnType<typeof startThread>;

function startThread() {
  const worker = new Worker(new URL("./update_worker.mjs", import.meta.url), { execArgv: [] });
  worker.on("error", () => {}); // whoever waits for an answer gets it
  worker.unref();
  return {
    run: (works: readonly UpdateWork[]) =>
      new Promise<UpdateReply>((resolve, reject) => {
        if (worker.threadId === -1) return reject(died(new Error("it is no longer there")));
        const ended = (why: unknown) => reject(died(why));
        worker.once("error", ended).once("exit", ended);
        worker.once("message", (reply: UpdateReply) => {
          worker.off("error", ended).off("exit", ended).unref();
          resolve(reply);
        });
        worker.ref();
        worker.postMessage(works, buffersOf(works.map(({ arrays }) => arrays)));
      }),
    end: () => worker.terminate(),
  };
}

const died = (why: unknown) =>
  new AttuneError({
    code: "run.update-thread-ended",
    place: "optimizer",
    problem: `a thread ended before its work was done: ${why instanceof Error ? why.message : `exit code ${why}`}`,
    wayOut: "Start the same command again: the run goes on from its last checkpoint",
  });
