import { PassThrough } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { openTerminalLines, type TerminalLines } from "./terminal_lines.ts";

let shown: string;
let modes: boolean[];
let stdin: PassThrough & { setRawMode(mode: boolean): void };
let lines: TerminalLines;
const interrupt = vi.fn(() => false);
const stop = vi.fn();

beforeEach(() => {
  [shown, modes] = ["", []];
  const stdout = new PassThrough();
  stdout.on("data", (chunk) => {
    shown += chunk;
  });
  const setRawMode = (mode: boolean) => modes.push(mode);
  stdin = Object.assign(new PassThrough(), { setRawMode }) as never;
  lines = openTerminalLines(interrupt, {
    stdin: stdin as never,
    stdout: Object.assign(stdout, { columns: 80 }),
    stop,
  });
});
afterEach(() => {
  lines.close();
  interrupt.mockReset().mockReturnValue(false);
  stop.mockReset();
});

/** Keys as a terminal sends them. */
async function type(...keys: string[]): Promise<void> {
  for (const key of keys) {
    stdin.write(key);
    await setImmediate();
    await setImmediate();
  }
}
const [CTRL_C, CTRL_D, CTRL_Z, ENTER] = ["\x03", "\x04", "\x1a", "\r"];
const paste = (text: string) => `\x1b[200~${text.replaceAll("\n", "\r")}\x1b[201~`;
/** All that was written, without what steers the terminal. */
const screen = () => stripVTControlCharacters(shown).replaceAll("\r\n", "\n");
const [PASTE_ON, PASTE_OFF] = ["\x1b[?2004h", "\x1b[?2004l"];

test("a line is what was typed up to Enter", async () => {
  const line = lines.next();
  await type("he", "llo", ENTER);
  expect(await line).toBe("hello");
});

describe("Ctrl-C", () => {
  test("drops the line, which stays on the screen, and asks for another", async () => {
    const line = lines.next();
    await type("wrong", CTRL_C, "right", ENTER);
    expect(await line).toBe("right");
    expect(screen()).toContain("wrong^C\n");
    expect(shown).not.toContain("leaves");
  });

  test("at an empty line tells how to leave", async () => {
    const line = lines.next();
    await type(CTRL_C);
    expect(screen()).toContain("Ctrl-D or /quit leaves.\n> ");
    await type("on", ENTER);
    expect(await line).toBe("on");
  });

  test("ends an answer, and drops what was typed meanwhile", async () => {
    const first = lines.next();
    await type("a", ENTER);
    await first;
    interrupt.mockReturnValue(true);
    await type("queued", ENTER, "half", CTRL_C);
    expect(interrupt).toHaveBeenCalledTimes(1);
    const next = lines.next();
    await type("b", ENTER);
    expect(await next).toBe("b");
  });
});

test("what is typed while an answer is written is not shown among it, and comes next", async () => {
  const first = lines.next();
  await type("one", ENTER);
  await first;
  const before = shown;
  await type("two", ENTER, "thr");
  expect(shown).toBe(before);
  expect(await lines.next()).toBe("two");
  expect(screen()).toContain("> two\n");
  const third = lines.next();
  await type("ee", ENTER);
  expect(await third).toBe("three");
});

describe("a paste of several lines", () => {
  test("is one message, once Enter is pressed", async () => {
    const line = lines.next();
    await type(paste("one\ntwo\nthree"));
    const settled = vi.fn();
    line.then(settled);
    await type(" and more");
    expect(settled).not.toHaveBeenCalled();
    await type(ENTER);
    expect(await line).toBe("one\ntwo\nthree and more");
  });

  test("is dropped whole by Ctrl-C", async () => {
    const line = lines.next();
    await type(paste("one\ntwo"), CTRL_C, "three", ENTER);
    expect(await line).toBe("three");
  });

  test("is asked of the terminal, and only as long as it is read here", () => {
    expect(shown).toContain(PASTE_ON);
    lines.close();
    expect(shown.endsWith(PASTE_OFF)).toBe(true);
  });
});

test("Ctrl-Z gives the terminal back as it was, and going on takes it again with the line as it was", async () => {
  const line = lines.next();
  await type("hal", CTRL_Z);
  expect(stop).toHaveBeenCalledTimes(1);
  expect(modes.at(-1)).toBe(false);
  expect(shown.endsWith(PASTE_OFF)).toBe(true);
  shown = "";
  process.emit("SIGCONT", "SIGCONT");
  expect(modes.at(-1)).toBe(true);
  expect(shown).toContain(PASTE_ON);
  await type("f", ENTER);
  expect(await line).toBe("half");
  expect(screen()).toContain("> hal");
});

test("Ctrl-D leaves, after what was typed before", async () => {
  const first = lines.next();
  await type("one", ENTER);
  await first;
  await type("two", ENTER, CTRL_D);
  expect(await lines.next()).toBe("two");
  expect(await lines.next()).toBeUndefined();
  expect(process.listeners("SIGCONT")).toEqual([]);
});
