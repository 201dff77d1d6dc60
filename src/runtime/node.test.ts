import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { lower } from "../graph/onnx/lower.ts";
import type { OnnxModel } from "../graph/onnx/writer.ts";
import { add, scale } from "../graph/ops/elementwise.ts";
import { gather } from "../graph/ops/indexing.ts";
import { matmul } from "../graph/ops/matmul.ts";
import { input } from "../graph/sources.ts";
import { AttuneError } from "../text/errors.ts";
import { openSession } from "./node.ts";
import type { Device, Session, TensorData } from "./session.ts";

const { workers } = vi.hoisted(() => ({ workers: [] as Worker[] }));

/** The real threads, remembered: so that a test can end one. */
vi.mock("node:worker_threads", async (original) => {
  const threads = await original<typeof import("node:worker_threads")>();
  return {
    ...threads,
    Worker: class extends threads.Worker {
      constructor(...args: ConstructorParameters<typeof Worker>) {
        super(...args);
        workers.push(this);
      }
    },
  };
});

const floats = (...data: number[]): TensorData => ({
  dtype: "float32",
  shape: [data.length],
  data: Float32Array.from(data),
});
const listed = ({ data }: TensorData) => Array.from(data, Number);

/** y = 2x, z = x + w. */
const small = () => {
  const [x, w] = [input("x", ["N"]), input("w", ["N"])];
  return lower({ y: scale(x, 2), z: add(x, w) });
};

/** About a second of work for one thread. */
const HEAVY = 512;
const heavy = () => {
  const x = input("x", [HEAVY, HEAVY]);
  let y = x;
  for (let i = 0; i < 200; i++) y = matmul(y, x);
  return lower({ y });
};
const heavyFeeds = () => ({
  x: { dtype: "float32", shape: [HEAVY, HEAVY], data: new Float32Array(HEAVY * HEAVY) } as TensorData,
});

describe("a session", () => {
  let session: Session;
  beforeAll(async () => {
    session = await openSession(small(), { device: "cpu", threads: 1 });
  }, 60_000);
  afterAll(() => session.release());

  test("computes", async () => {
    const { y, z } = await session.run({ x: floats(1, 2, 3), w: floats(10, 20, 30) });
    expect(listed(y!)).toEqual([2, 4, 6]);
    expect(y).toMatchObject({ dtype: "float32", shape: [3] });
    expect(listed(z!)).toEqual([11, 22, 33]);
  });

  test("borrows the buffers it is fed, and gives them back", async () => {
    const feeds = { x: floats(1, 2), w: floats(3, 4) };
    const into = { y: floats(0, 0) };
    const running = session.run(feeds, into);
    await Promise.resolve();
    expect([feeds.x, feeds.w, into.y].map(({ data }) => data.length)).toEqual([0, 0, 0]);
    await running;
    expect([feeds.x, feeds.w].map(listed)).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(listed(into.y)).toEqual([2, 4]);
  });

  test("gives them back after a failed run, too, and can run again", async () => {
    const feeds = { x: floats(1, 2), w: floats(3, 4, 5) };
    const into = { y: floats(7, 7) };
    await expect(session.run(feeds, into)).rejects.toThrow(AttuneError);
    expect([feeds.x, feeds.w, into.y].map((t) => listed(t).length)).toEqual([2, 3, 2]);
    expect(listed(feeds.w)).toEqual([3, 4, 5]);
    expect(listed((await session.run({ ...feeds, w: floats(1, 1) })).z!)).toEqual([2, 3]);
  });

  test("a feed that is missing, or of another type, is refused by name, and nothing is lost", async () => {
    const x = floats(1, 2);
    await expect(session.run({ x })).rejects.toThrow(/\bw\b/);
    const int32: TensorData = { dtype: "int32", shape: [2], data: Int32Array.of(1, 2) };
    await expect(session.run({ x, w: int32 })).rejects.toThrow(AttuneError);
    expect(listed(x)).toEqual([1, 2]);
    expect(listed(int32)).toEqual([1, 2]);
  });

  test("writes outputs in place where they are asked for", async () => {
    const into = { z: floats(0, 0, 0) };
    const results = await session.run({ x: floats(1, 2, 3), w: floats(1, 1, 1) }, into);
    expect(results.z).toBe(into.z);
    expect(listed(into.z)).toEqual([2, 3, 4]);
    expect(listed(results.y!)).toEqual([2, 4, 6]);
  });

  test("an array that is fed and written adds up where it lies", async () => {
    const z = floats(1, 2);
    const [y, feeds] = [floats(0, 0), { x: floats(10, 20), w: z }];
    for (const sum of [11, 21]) {
      expect(await session.run(feeds, { y, z })).toEqual({ y, z });
      expect(listed(z)).toEqual([sum, 2 * sum]);
    }
    expect(listed(y)).toEqual([20, 40]);
  });

  test.runIf(existsSync("/proc/self/status"))("nothing is copied where all outputs are given", async () => {
    const megabytes = (n: number): TensorData => ({
      dtype: "float32",
      shape: [n * 2 ** 18],
      data: new Float32Array(n * 2 ** 18).fill(1),
    });
    const [x, w, y, z] = [megabytes(64), megabytes(64), megabytes(64), megabytes(64)];
    const peak = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))![1]) / 1024;
    const before = peak();
    await session.run({ x, w }, { y, z });
    expect(z.data[5]).toBe(2);
    expect(peak() - before).toBeLessThan(64);
  });

  test("reads and writes no further than the shape, in buffers that are longer or shared", async () => {
    const buffer = Float32Array.of(9, 1, 2, 9, 3, 4, 9, 0, 0, 9).buffer;
    const part = (from: number, to: number): TensorData => ({
      dtype: "float32",
      shape: [2],
      data: new Float32Array(buffer, 4 * from, to - from),
    });
    const [feeds, into] = [{ x: part(1, 4), w: part(4, 7) }, { z: part(7, 10) }];
    await session.run(feeds, into);
    expect(listed(into.z)).toEqual([4, 6, 9]);
    expect(into.z.data.buffer).toBe(feeds.x.data.buffer);
    expect(Array.from(new Float32Array(into.z.data.buffer))).toEqual([9, 1, 2, 9, 3, 4, 9, 4, 6, 9]);
  });

  test("runs in the order it is asked: each run is fed what the one before wrote", async () => {
    const [odd, even, w] = [floats(1), floats(0), floats(1)];
    const finished: number[] = [];
    const runs = [1, 2, 3, 4, 5].map(async (i) => {
      const [x, z] = i % 2 ? [odd, even] : [even, odd];
      await session.run({ x, w }, { z });
      finished.push(i);
    });
    await Promise.all(runs);
    expect(finished).toEqual([1, 2, 3, 4, 5]);
    expect(listed(even)).toEqual([6]);
  });

  test("a failed run does not hold up the next", async () => {
    const failing = session.run({ x: floats(1, 2), w: floats(1, 2, 3) });
    const next = session.run({ x: floats(4), w: floats(5) });
    await expect(failing).rejects.toThrow(AttuneError);
    expect(listed((await next).z!)).toEqual([9]);
  });
});

describe("a long run", () => {
  let session: Session;
  beforeAll(async () => {
    session = await openSession(heavy(), { device: "cpu", threads: 1 });
  }, 60_000);
  afterAll(() => session.release());

  test("leaves the event loop free", async () => {
    let running = true;
    const run = session.run(heavyFeeds()).finally(() => {
      running = false;
    });
    const waits: number[] = [];
    const start = performance.now();
    for (let last = start; running; last = performance.now()) {
      await setTimeout(5);
      waits.push(performance.now() - last);
    }
    await run;
    const elapsed = performance.now() - start;
    expect(elapsed).toBeGreaterThan(100); // else there was nothing to wait for
    expect(Math.max(...waits)).toBeLessThan(elapsed / 2);
  });
});

/** Ending a thread in the middle of native code ends the process, too: here it is only said to have ended. */
describe("a thread that dies", () => {
  const open = async (model: OnnxModel) => {
    const session = await openSession(model, { device: "cpu", threads: 1 });
    return { session, thread: workers.at(-1)! };
  };

  test("while it runs: the run is refused", async () => {
    const { session, thread } = await open(heavy());
    const running = expect(session.run(heavyFeeds())).rejects.toThrow(/its thread ended: exit code 134/);
    await setTimeout(10);
    thread.emit("exit", 134);
    await running;
    await once(thread, "message");
    await thread.terminate();
  });

  test("of an error: the run is refused with what it said", async () => {
    const { session, thread } = await open(heavy());
    const running = expect(session.run(heavyFeeds())).rejects.toThrow(/its thread ended: out of heap/);
    await setTimeout(10);
    thread.emit("error", new Error("out of heap"));
    await running;
    await once(thread, "message");
    await thread.terminate();
  });

  test("while it is idle: the process goes on, later runs are refused, releasing is fine", async () => {
    const { session, thread } = await open(small());
    thread.emit("error", new Error("out of heap"));
    await thread.terminate();
    const feeds = { x: floats(1), w: floats(2) };
    await expect(session.run(feeds)).rejects.toThrow(AttuneError);
    await expect(session.run(feeds)).rejects.toThrow(/its thread ended: out of heap/);
    expect(listed(feeds.w)).toEqual([2]);
    await session.release();
  });
});

test("sessions one after the other live in one thread, side by side in their own", async () => {
  const before = workers.length;
  const opening = () => openSession(small(), { device: "cpu", threads: 1 });
  for (let i = 0; i < 3; i++) await (await opening()).release();
  expect(workers.length - before).toBeLessThanOrEqual(1);
  const together = await Promise.all([opening(), opening()]);
  const runs = together.map((session) => session.run({ x: floats(1), w: floats(2) }));
  for (const { z } of await Promise.all(runs)) expect(listed(z!)).toEqual([3]);
  await Promise.all(together.map((session) => session.release()));
});

test("a released session refuses to run, and may be released again", async () => {
  const session = await openSession(small(), { device: "cpu", threads: 1 });
  await session.release();
  await expect(session.run({ x: floats(1), w: floats(1) })).rejects.toThrow(AttuneError);
  await session.release();
});

describe("what can't be opened", () => {
  const cuda = "onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so";
  const missing: Device[] = ["wasm"];
  if (!existsSync(new URL(`../../node_modules/${cuda}`, import.meta.url))) missing.push("cuda");

  test.each(missing)("device %s: an error that names it, and nothing else instead of it", async (device) => {
    const opening = openSession(small(), { device });
    await expect(opening).rejects.toThrow(AttuneError);
    await expect(opening).rejects.toThrow(`device ${device} is not available here`);
  });

  test("a model that is none", async () => {
    const model: OnnxModel = { ...small(), bytes: Uint8Array.of(1, 2, 3) };
    await expect(openSession(model, { device: "cpu" })).rejects.toThrow(/the runtime refused the model/);
  });

  test("a model without a kernel for its type", async () => {
    const x = input("x", ["N"], "bfloat16");
    const opening = openSession(lower({ y: add(x, x) }), { device: "cpu" });
    await expect(opening).rejects.toThrow(/the runtime refused the model: .*Add/);
  });

  test("no threads are left behind but one, for the next session", async () => {
    const opening = () => openSession({ ...small(), bytes: new Uint8Array() }, { device: "cpu" });
    await Promise.allSettled([opening(), opening(), opening()]);
    expect(workers.filter((worker) => worker.threadId !== -1)).toHaveLength(1);
  });
});

test("a row that isn't there is an error, not a crash", async () => {
  const table = input("table", [3, 2]);
  const session = await openSession(lower({ y: gather(table, input("at", ["N"], "int64")) }), {
    device: "cpu",
  });
  const rows: TensorData = { dtype: "float32", shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) };
  const at = (row: bigint): TensorData => ({ dtype: "int64", shape: [1], data: BigInt64Array.of(row) });
  await expect(session.run({ table: rows, at: at(3n) })).rejects.toThrow(/out of/);
  expect(listed((await session.run({ table: rows, at: at(2n) })).y!)).toEqual([5, 6]);
  await session.release();
});

test("a profile says how long each op took", async () => {
  const folder = mkdtempSync(join(tmpdir(), "attune-"));
  const session = await openSession(small(), {
    device: "cpu",
    threads: 1,
    profilePrefix: join(folder, "step"),
  });
  await session.run({ x: floats(1), w: floats(2) });
  await session.release();
  const [file, ...others] = readdirSync(folder);
  expect([file, others]).toEqual([expect.stringMatching(/^step.*\.json$/), []]);
  const events: { cat: string; dur: number; args?: { op_name?: string } }[] = JSON.parse(
    readFileSync(join(folder, file!), "utf8"),
  );
  const ran = events.filter(({ cat, args, dur }) => cat === "Node" && args?.op_name && dur >= 0);
  expect(new Set(ran.map(({ args }) => args!.op_name))).toEqual(new Set(["Mul", "Add", "SequenceEmpty"]));
  rmSync(folder, { recursive: true });
});
