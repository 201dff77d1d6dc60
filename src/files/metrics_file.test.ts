import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { AttuneError } from "../text/errors.ts";
import { appendMetrics, flushMetrics, truncateAfter } from "./metrics_file.ts";
import { temporaryDirectory } from "./testing/temporary_directory.ts";

const at = temporaryDirectory();
const path = () => at("runs/x/metrics.jsonl");
const content = () => readFileSync(path(), "utf8");

beforeEach(() => {
  mkdirSync(at("runs/x"), { recursive: true });
});

async function writeSteps(...steps: number[]): Promise<void> {
  for (const step of steps) await appendMetrics(path(), { step, loss: 1 / step, note: "é" });
}

describe("truncateAfter", () => {
  test("a resumed run's file equals the unbroken one", async () => {
    await writeSteps(1, 2, 3, 4, 5);
    const unbroken = content();
    await truncateAfter(path(), 3);
    await writeSteps(4, 5);
    expect(content()).toBe(unbroken);
  });

  test("evaluation lines of the last kept step stay", async () => {
    await writeSteps(1, 2);
    await appendMetrics(path(), { step: 2, evalLoss: 0.5 });
    const upTo2 = content();
    await writeSteps(3);
    await appendMetrics(path(), { step: 3, evalLoss: 0.4 });
    await truncateAfter(path(), 2);
    expect(content()).toBe(upTo2);
  });

  test.each(['{"step":4,"lo', '{"step":3,"loss":1}', "\0\0\0\0"])(
    "a torn last line goes: %j",
    async (torn) => {
      await writeSteps(1, 2, 3);
      const whole = content();
      writeFileSync(path(), whole + torn);
      await truncateAfter(path(), 9);
      expect(content()).toBe(whole);
    },
  );

  test("everything goes before the first step, and nothing when all is old", async () => {
    await writeSteps(1, 2);
    const all = content();
    await truncateAfter(path(), 2);
    expect(content()).toBe(all);
    await truncateAfter(path(), 0);
    expect(content()).toBe("");
    await truncateAfter(at("missing.jsonl"), 0);
  });

  test.each(["nonsense\n", "\0\0\0\n", '{"step":3,"lo\n{"step":4,"loss":1}\n'])(
    "what is no record goes where nothing of an earlier step follows: %j",
    async (end) => {
      await writeSteps(1, 2);
      const whole = content();
      await writeSteps(3);
      for (const before of [whole, content()]) {
        writeFileSync(path(), before + end);
        await truncateAfter(path(), 2);
        expect(content()).toBe(whole);
      }
    },
  );

  test.each(["nonsense", "[1]", "null", '{"loss":1}', '{"step":"1"}'])(
    "another bad line is named: %s",
    async (line) => {
      await writeSteps(1);
      writeFileSync(path(), `${content()}${line}\n{"step":2}\n`);
      const before = content();
      await expect(truncateAfter(path(), 5)).rejects.toThrow(AttuneError);
      await expect(truncateAfter(path(), 5)).rejects.toThrow(
        "metrics.jsonl, line 2: expected a JSON object with a step",
      );
      expect(content()).toBe(before);
    },
  );
});

test("a place that cannot be written is named", async () => {
  writeFileSync(at("file"), "");
  await expect(appendMetrics(at("file/metrics.jsonl"), { step: 1 })).rejects.toThrow(
    /Cannot write .*file\/metrics\.jsonl/,
  );
});

test("flushing changes nothing, and a missing file is fine", async () => {
  await flushMetrics(path());
  await writeSteps(1);
  const before = content();
  await flushMetrics(path());
  expect(content()).toBe(before);
});

test("a directory that was removed is not made again", async () => {
  await expect(appendMetrics(at("gone/metrics.jsonl"), { step: 1 })).rejects.toThrow(/there is no such file/);
});
