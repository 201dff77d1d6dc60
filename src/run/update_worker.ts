/** A thread that updates parameters: it is lent their arrays and gives them back. */
import { parentPort } from "node:worker_threads";
import { buffersOf, doWork, type UpdateReply, type UpdateWork } from "../training/update_work.ts";

parentPort!.on("message", (works: UpdateWork[]) => {
  const results = works.map(doWork);
  const arrays = works.map((work) => work.arrays);
  parentPort!.postMessage({ arrays, results } satisfies UpdateReply, buffersOf(arrays));
});
