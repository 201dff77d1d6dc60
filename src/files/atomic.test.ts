import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { chmod, lstat, open, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
import { AttuneError } from "../text/errors.ts";
import { tidyDirectory, writeDirectoryAtomic, writeFileAtomic, writeFilesAtomic } from "./atomic.ts";
import { ownIdentity } from "./process_identity.ts";
import { outputOf, startChild } from "./testing/child.ts";
import { temporaryDirectory } from "./testing/temporary_directory.ts";

const at = temporaryDirectory();
const text = (...parts: string[]): string => readFileSync(at(...parts), "utf8");

async function errorOf(writing: Promise<unknown>): Promise<AttuneError> {
  const error = await writing.then(
    () => undefined,
    (caught) => caught,
  );
  expect(error).toBeInstanceOf(AttuneError);
  return error;
}

describe("writeFileAtomic", () => {
  test("writes text, bytes or what a function writes, and makes the parents", async () => {
    await writeFileAtomic(at("a/b/text"), "hello");
    await writeFileAtomic(at("a/b/bytes"), Uint8Array.of(104, 105));
    await writeFileAtomic(at("a/b/function"), async (file) => void (await file.write("hey")));
    expect(readdirSync(at("a/b")).map((name) => text("a/b", name))).toEqual(["hi", "hey", "hello"]);
  });

  test("a write that fails leaves the old file, and nothing else", async () => {
    await writeFile(at("x"), "old");
    const failing = writeFileAtomic(at("x"), async (file) => {
      await file.write("half of the new");
      throw new Error("no more");
    });
    await expect(failing).rejects.toThrow("no more");
    expect(text("x")).toBe("old");
    expect(readdirSync(at())).toEqual(["x"]);
  });

  test.skipIf(!existsSync("/dev/full"))("a full disk is named, and the old file stays", async () => {
    await writeFile(at("x"), "old");
    const full = writeFileAtomic(at("x"), async () => {
      const device = await open("/dev/full", "w");
      await device.writeFile("x").finally(() => device.close());
    });
    expect((await errorOf(full)).message).toBe(
      `Cannot write ${at("x")}: the disk is full. Free some space or choose another place (ENOSPC). What was there before is unchanged.`,
    );
    expect(text("x")).toBe("old");
    expect(readdirSync(at())).toEqual(["x"]);
  });

  test("a link stays a link to the written file", async () => {
    await writeFile(at("real"), "old");
    symlinkSync("real", at("link"));
    await writeFileAtomic(at("link"), "new");
    expect((await lstat(at("link"))).isSymbolicLink()).toBe(true);
    expect(text("real")).toBe("new");
  });

  test("a path through a file, and a directory in the place", async () => {
    await writeFile(at("file"), "");
    mkdirSync(at("dir/sub"), { recursive: true });
    expect((await errorOf(writeFileAtomic(at("file/x"), ""))).message).toMatch(
      /Cannot write .*file\/x: .*\((ENOTDIR|EEXIST)\)/,
    );
    expect((await errorOf(writeFileAtomic(at("dir"), ""))).message).toMatch(
      /Cannot write .*dir: it is a directory.*\(EISDIR\)/,
    );
    expect(readdirSync(at())).toEqual(["dir", "file"]);
  });

  test.skipIf(process.getuid?.() === 0)("a directory without permission (root has it anyway)", async () => {
    mkdirSync(at("locked"));
    await chmod(at("locked"), 0o555);
    expect((await errorOf(writeFileAtomic(at("locked/x"), ""))).message).toMatch(
      /permission denied.*\(EACCES\)/,
    );
  });

  test("of several files none changes when the second cannot be written", async () => {
    await writeFile(at("a"), "old a");
    const writing = writeFilesAtomic(
      new Map([
        [at("a"), "new a"],
        [at("a/b"), "new b"],
      ]),
    );
    expect((await errorOf(writing)).message).toContain(`Cannot write ${at("a/b")}`);
    expect(text("a")).toBe("old a");
    expect(readdirSync(at())).toEqual(["a"]);
  });
});

describe("writeDirectoryAtomic", () => {
  const write = (content: string) => async (temporary: string) => {
    mkdirSync(join(temporary, "sub"));
    await writeFile(join(temporary, "sub/file"), content);
  };

  test("appears whole, in an empty directory too", async () => {
    mkdirSync(at("empty"));
    for (const name of ["new/path", "empty"]) {
      await writeDirectoryAtomic(at(name), write("content"));
      expect(text(name, "sub/file")).toBe("content");
    }
    expect(readdirSync(at())).toEqual(["empty", "new"]);
  });

  test("refuses a directory with content, unless it may be replaced", async () => {
    await writeDirectoryAtomic(at("x"), write("old"));
    await writeFile(at("x/more"), "");
    expect((await errorOf(writeDirectoryAtomic(at("x"), write("new")))).message).toMatch(
      /x: the directory already exists and is not empty/,
    );
    expect(text("x/sub/file")).toBe("old");
    await writeDirectoryAtomic(at("x"), write("new"), { replace: true });
    expect(text("x/sub/file")).toBe("new");
    expect(readdirSync(at("x"))).toEqual(["sub"]);
    expect(readdirSync(at())).toEqual(["x"]);
  });

  test("refuses a file in the place", async () => {
    await writeFile(at("x"), "old");
    await errorOf(writeDirectoryAtomic(at("x"), write("new")));
    await errorOf(writeDirectoryAtomic(at("x/y"), write("new")));
    expect(text("x")).toBe("old");
  });

  test("a write that fails leaves the old one, and names the directory, not the temporary one", async () => {
    await writeDirectoryAtomic(at("x"), write("old"));
    const failing = writeDirectoryAtomic(
      at("x"),
      async (temporary) => {
        await write("half")(temporary);
        await writeFileAtomic(join(temporary, "sub"), "in the way");
      },
      { replace: true },
    );
    expect((await errorOf(failing)).message).toContain(`Cannot write ${at("x/sub")}:`);
    expect(text("x/sub/file")).toBe("old");
    expect(readdirSync(at())).toEqual(["x"]);
  });
});

describe("processes that died", () => {
  const dead = 4_194_999; // above Linux's largest process number
  const leftover = (target: string, pid: number, kind: string, place = ownIdentity().place) =>
    at(`.${target}.${pid}-0123abcd-${place}.attune-${kind}`);
  const ELSEWHERE = "00000000";

  test("their leftovers go, those of living ones stay", async () => {
    mkdirSync(leftover("x", dead, "new"));
    writeFileSync(leftover("y.json", dead, "new"), "half");
    mkdirSync(leftover("x", process.ppid, "new"));
    mkdirSync(leftover("x", process.pid, "new"));
    writeFileSync(at(".other.attune-new"), "not ours");
    await writeFileAtomic(at("z"), "");
    expect(readdirSync(at()).sort()).toEqual(
      [
        leftover("x", process.ppid, "new"),
        leftover("x", process.pid, "new"),
        at(".other.attune-new"),
        at("z"),
      ]
        .map((path) => basename(path))
        .sort(),
    );
  });

  describe("of another machine or container, where our numbers say nothing", () => {
    afterEach(() => {
      vi.useRealTimers();
    });

    /** One that has a number no process here has, one that has ours, and what one has moved aside. */
    function leave(): string[] {
      mkdirSync(leftover("x", dead, "new", ELSEWHERE));
      writeFileSync(join(leftover("x", dead, "new", ELSEWHERE), "half"), "half");
      writeFileSync(leftover("y", process.pid, "new", ELSEWHERE), "half");
      mkdirSync(leftover("z", dead, "old", ELSEWHERE));
      return readdirSync(at()).sort();
    }

    test("what may be written still stays", async () => {
      const all = leave();
      await writeFileAtomic(at("other"), "");
      expect(readdirSync(at()).sort()).toEqual([...all, "other"].sort());
    });

    test("what nobody has touched for a day is tidied up", async () => {
      leave();
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 25 * 3_600_000 });
      await tidyDirectory(at());
      expect(readdirSync(at())).toEqual(["z"]);
    });

    test("what the caller alone may write is tidied up at once", async () => {
      leave();
      await tidyDirectory(at(), (target) => target !== "y");
      expect(readdirSync(at())).toEqual([basename(leftover("y", process.pid, "new", ELSEWHERE)), "z"]);
    });
  });

  test("two at once finish each other's result off in no way", async () => {
    let second: Promise<void> | undefined;
    await writeDirectoryAtomic(at("x"), async (temporary) => {
      await writeFile(join(temporary, "file"), "first");
      second = writeDirectoryAtomic(at("x"), (other) => writeFile(join(other, "file"), "second"));
      await second;
    }).catch(() => {});
    expect(text("x/file")).toBe("second");
    expect(readdirSync(at())).toEqual(["x"]);
  });

  test("what one had moved aside comes back when nothing took its place", async () => {
    mkdirSync(leftover("x", dead, "old"));
    writeFileSync(join(leftover("x", dead, "old"), "precious"), "kept");
    mkdirSync(leftover("y", dead, "old"));
    mkdirSync(at("y"));
    await tidyDirectory(at());
    expect(readdirSync(at())).toEqual(["x", "y"]);
    expect(text("x/precious")).toBe("kept");
  });

  test.skipIf(process.platform === "win32")(
    "kill -9 while a directory is being replaced: whole before, whole after",
    async () => {
      const source = `
      import { writeDirectoryAtomic } from "#atomic.ts";
      import { writeFile } from "node:fs/promises";
      for (let i = 0; ; i++) {
        const write = async (to) => { for (const name of "abc") await writeFile(to + "/" + name, String(i)); };
        await writeDirectoryAtomic(${JSON.stringify(at("x"))}, write, { replace: true });
        if (i === 3) console.log("going");
      }`;
      for (let round = 0; round < 2; round++) {
        const child = startChild(at(), source);
        const ended = new Promise((resolve) => child.once("exit", resolve));
        await new Promise((resolve) => child.stdout!.once("data", resolve));
        await sleep(17 * round);
        child.kill("SIGKILL");
        await ended;
        await tidyDirectory(at());
        expect(readdirSync(at())).toEqual(["child.mts", "x"]);
        const contents = await Promise.all(["a", "b", "c"].map((name) => readFile(at("x", name), "utf8")));
        expect(new Set(contents).size).toBe(1);
        expect(Number(contents[0])).toBeGreaterThanOrEqual(3);
      }
    },
  );
});

test.skipIf(process.platform === "win32")(
  "a disk that takes no more: everything that was there stays, nothing half-written remains",
  async () => {
    const source = `
    import { writeDirectoryAtomic, writeFileAtomic } from "#atomic.ts";
    import { writeCheckpoint } from "#training_checkpoint.ts";
    import { writeAdapterDirectory } from "#../adapters/peft/adapter_directory.ts";
    import { saveModelDirectory } from "#../pretrained/model_directory.ts";
    const [dir, big, r] = [${JSON.stringify(at())}, new Float32Array(100_000), 1];
    const tensor = { name: "w", dtype: "F32", shape: [big.length], data: () => big };
    const weights = { A: new Float32Array(4), B: big, r, in: 4, out: big.length };
    const config = { type: "lora", r, alpha: 1, dropout: 0, targetModules: ["w"] };
    const attempts = {
      file: () => writeFileAtomic(dir + "/file", new Uint8Array(300_000)),
      model: () => saveModelDirectory(dir + "/model", { config: {}, tensors: [tensor], replace: true }),
      adapter: () => writeAdapterDirectory(dir + "/adapter", { config, modules: new Map([["m.w", weights]]) }),
      "checkpoints/step-2": () => writeCheckpoint(dir, 2, { tensors: [{ ...tensor, data: big }], state: {} }),
    };
    const errors = {};
    for (const [name, attempt] of Object.entries(attempts)) await attempt().catch((error) => { errors[name] = error.name + ": " + error.message; });
    console.log(JSON.stringify(errors));`;
    for (const name of ["model", "adapter", "checkpoints/step-2"]) {
      mkdirSync(at(name), { recursive: true });
      writeFileSync(at(name, "precious"), "old");
    }
    writeFileSync(at("file"), "old");
    const errors = JSON.parse(await outputOf(startChild(at(), source, 128)));
    expect(Object.keys(errors)).toEqual(["file", "model", "adapter", "checkpoints/step-2"]);
    for (const [name, message] of Object.entries(errors)) {
      expect(message).toContain(`AttuneError: Cannot write ${at(name)}`);
      expect(message).toMatch(/larger than this system or your limit allows.*\(EFBIG\)/);
      expect(message).not.toContain("attune-new");
    }
    expect(text("file")).toBe("old");
    for (const name of ["model", "adapter", "checkpoints/step-2"]) {
      expect(readdirSync(at(name))).toEqual(["precious"]);
      expect(text(name, "precious")).toBe("old");
    }
    expect(readdirSync(at()).sort()).toEqual(["adapter", "checkpoints", "child.mts", "file", "model"]);
    expect(readdirSync(at("checkpoints"))).toEqual(["step-2"]);
  },
);
