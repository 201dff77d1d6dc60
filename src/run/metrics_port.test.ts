import { existsSync, readFileSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { metricsPort } from "./metrics_port.ts";

const at = temporaryDirectory();
const path = () => at("metrics.jsonl");
const steps = () =>
  existsSync(path())
    ? readFileSync(path(), "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).step)
    : [];

/** A lock that counts how often it is asked, and time that stands still. */
function opened() {
  const clock = vi.spyOn(performance, "now").mockReturnValue(0);
  let writes = 0;
  const write = <T>(work: () => Promise<T>) => {
    writes++;
    return work();
  };
  return { port: metricsPort(path(), { write }), clock, writes: () => writes };
}

test("fast steps are written together, slow ones each by itself", async () => {
  const { port, clock, writes } = opened();
  await port.add({ step: 1, loss: 1 });
  expect(steps()).toEqual([1]);
  for (const step of [2, 3, 4]) await port.add({ step, loss: 1 });
  expect(steps()).toEqual([1]);
  clock.mockReturnValue(300);
  await port.add({ step: 5, loss: 1 });
  expect(steps()).toEqual([1, 2, 3, 4, 5]);
  clock.mockReturnValue(600);
  await port.add({ step: 6, loss: 1 });
  expect(steps()).toEqual([1, 2, 3, 4, 5, 6]);
  expect(writes()).toBe(3);
});

test("an evaluation takes along what is held back, and so does a flush", async () => {
  const { port, writes } = opened();
  for (const step of [1, 2]) await port.add({ step, loss: 1 });
  await port.add({ step: 2, evalLoss: 1 });
  expect(steps()).toEqual([1, 2, 2]);
  await port.add({ step: 3, loss: 1 });
  expect(steps()).toEqual([1, 2, 2]);
  await port.flush();
  await port.flush();
  expect(steps()).toEqual([1, 2, 2, 3]);
  expect(writes()).toBe(3);
});
