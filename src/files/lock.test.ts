import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Holder, isLock, type Lock, SILENCE, takeLock, withLock } from "./lock.ts";
import { ownIdentity } from "./process_identity.ts";
import { outputOf, startChild } from "./testing/child.ts";
import { temporaryDirectory } from "./testing/temporary_directory.ts";

const at = temporaryDirectory();
const SINCE = "2026-11-29T12:00:00.000Z";
const dead = 4_194_999; // above Linux's largest process number

afterEach(() => {
  vi.useRealTimers();
});

async function take(path = at("lock")): Promise<Lock> {
  const taken = await takeLock(path);
  if (!isLock(taken)) throw new Error(`it is held by ${JSON.stringify(taken)}`);
  return taken;
}

async function refused(path = at("lock")): Promise<Holder> {
  const taken = await takeLock(path);
  if (isLock(taken)) throw new Error("it was to be had");
  return taken;
}

/** A lock as a process of here or elsewhere leaves it. */
function leave(changes: object, secondsAgo = 0): void {
  writeFileSync(at("lock"), `${JSON.stringify({ ...ownIdentity(), since: SINCE, ...changes })}\n`);
  const then = new Date(Date.now() - 1000 * secondsAgo);
  utimesSync(at("lock"), then, then);
}

test("is taken once, and again after its release", async () => {
  const lock = await take();
  expect(await lock.state()).toBe("held");
  expect((await refused()).process).toMatchObject({ pid: process.pid, host: ownIdentity().host });
  expect(await lock.state()).toBe("held");
  await lock.release();
  expect(readdirSync(at())).toEqual([]);
  await (await take()).release();
});

test("of many that want it at once, one gets it", async () => {
  const taken = await Promise.all(Array.from({ length: 20 }, () => takeLock(at("lock"))));
  expect(taken.filter(isLock).length).toBe(1);
  expect(readdirSync(at())).toEqual(["lock"]);
  await taken.find(isLock)!.release();
});

describe("of a process here", () => {
  test("that lives, is refused with its number, however long it has been silent", async () => {
    leave({ pid: process.ppid, began: "" }, 10 * SILENCE);
    expect(await refused()).toEqual({
      process: { pid: process.ppid, host: ownIdentity().host, since: SINCE },
    });
  });

  test("that is gone, is taken over", async () => {
    leave({ pid: dead });
    const lock = await take();
    expect(JSON.parse(readFileSync(at("lock"), "utf8"))).toMatchObject({ pid: process.pid });
    await lock.release();
  });

  test.runIf(process.platform === "linux")("whose number another has now, is taken over", async () => {
    leave({ pid: process.ppid, began: "1" });
    await (await take()).release();
  });

  test.skipIf(process.platform === "win32")(
    "that was killed, is taken over; that ends, is gone",
    async () => {
      const source = (end: string) => `
      import { takeLock } from "#lock.ts";
      console.log("release" in (await takeLock(${JSON.stringify(at("lock"))})));
      ${end}`;
      expect(await outputOf(startChild(at(), source('process.kill(process.pid, "SIGKILL")')))).toBe("true\n");
      expect(readdirSync(at())).toContain("lock");
      await (await take()).release();
      expect(await outputOf(startChild(at(), source("process.exit(3)")))).toBe("true\n");
      expect(readdirSync(at())).toEqual(["child.mts"]);
    },
  );
});

describe("of a process of another machine or container", () => {
  const elsewhere = { pid: process.pid, host: "other", place: "00000000", began: "1" };

  test("is refused while it gives signs of life, though a process here may have its number or none", async () => {
    for (const pid of [process.pid, dead]) {
      leave({ ...elsewhere, pid }, SILENCE / 2);
      const { process: holder, silentFor } = await refused();
      expect(holder).toEqual({ pid, host: "other", since: SINCE });
      expect(Math.round(silentFor!)).toBe(SILENCE / 2);
    }
    expect(readdirSync(at())).toEqual(["lock"]);
  });

  test("is taken over when it has given none for long", async () => {
    leave(elsewhere, SILENCE + 1);
    await (await take()).release();
  });
});

test("gives a sign of life every ten seconds, and none in a lock that another has taken over", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const lock = await take();
  const old = new Date(0);
  utimesSync(at("lock"), old, old);
  vi.advanceTimersByTime(10_000);
  await vi.waitFor(() => expect(statSync(at("lock")).mtimeMs).toBeGreaterThan(1e9));

  leave({ pid: dead }, SILENCE);
  const { mtimeMs } = statSync(at("lock"));
  vi.advanceTimersByTime(10_000);
  await lock.release(); // waits for the sign
  expect(await lock.state()).toBe("taken");
  expect(statSync(at("lock")).mtimeMs).toBe(mtimeMs);
  expect(JSON.parse(readFileSync(at("lock"), "utf8"))).toMatchObject({ pid: dead });
});

test("that was removed is not held any more", async () => {
  mkdirSync(at("run"));
  const lock = await take(at("run/lock"));
  rmSync(at("run"), { recursive: true });
  expect(await lock.state()).toBe("gone");
  await lock.release();
});

test("a file of its name that is none stays, and one that is half-written counts as another's", async () => {
  writeFileSync(at("lock"), "years of work");
  await expect(takeLock(at("lock"))).rejects.toThrow(/lock: is in the way: .* Move it away\.$/);
  expect(readFileSync(at("lock"), "utf8")).toBe("years of work");
  for (const content of ["", '{"pid":12,"ho', '{"pid":-1}', '{"pid":"x"}']) {
    writeFileSync(at("lock"), content);
    expect((await refused()).process).toBeUndefined();
    const long = new Date(Date.now() - 1000 * (SILENCE + 1));
    utimesSync(at("lock"), long, long);
    await (await take()).release();
  }
});

test("a directory that isn't there is named", async () => {
  await expect(takeLock(at("none/lock"))).rejects.toThrow(/Cannot write .*none\/lock: there is no such file/);
});

test("withLock lets one at a time work, and makes the directory", async () => {
  const log: string[] = [];
  const work = (name: string) => async () => {
    log.push(`${name} begins`);
    await new Promise(setImmediate);
    log.push(`${name} ends`);
  };
  await Promise.all(["a", "b"].map((name) => withLock(at("dir/lock"), undefined, work(name))));
  expect(log).toEqual(
    log[0] === "a begins"
      ? ["a begins", "a ends", "b begins", "b ends"]
      : ["b begins", "b ends", "a begins", "a ends"],
  );
  await expect(withLock(at("dir/lock"), AbortSignal.abort(new Error("stop")), work("c"))).rejects.toThrow(
    "stop",
  );
});
