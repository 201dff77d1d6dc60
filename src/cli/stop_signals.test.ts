import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { startNode } from "./testing/run_cli.ts";

const at = temporaryDirectory();
const room = fileURLToPath(new URL(".", import.meta.url));

/** A program that would go on for long after the first signal. */
const DEAF = `
  import { stopSignals } from "${room}stop_signals.ts";
  const stop = stopSignals(() => console.log("first", stop.signal.aborted));
  stop.listen();
  setTimeout(() => {}, 60_000);
  console.log("ready");`;

test("a second signal ends at once, one so soon that it is the same key press does not", async () => {
  writeFileSync(at("deaf.mts"), DEAF);
  const running = startNode([at("deaf.mts")]);
  await running.printed(/ready/);
  running.process.kill("SIGINT");
  await running.printed(/first false/);
  running.process.kill("SIGINT");
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(running.process.exitCode).toBe(null);
  running.process.kill("SIGINT");
  const { stdout } = await running.ended;
  expect(running.process.signalCode).toBe("SIGINT"); // 130 to a shell
  expect(stdout.match(/first/g)).toHaveLength(1);
});

/** A program whose main thread never gets to a handler. */
const BUSY = `
  import { stopSignals } from "${room}stop_signals.ts";
  stopSignals(() => {});
  console.log("ready");
  while (true);`;

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s ends a program that is not in a run",
  async (name) => {
    writeFileSync(at("busy.mts"), BUSY);
    const running = startNode([at("busy.mts")]);
    await running.printed(/ready/);
    running.process.kill(name);
    await running.ended;
    expect(running.process.signalCode).toBe(name);
  },
);
