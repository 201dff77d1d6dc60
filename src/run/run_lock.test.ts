import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { describe, expect, test } from "vitest";
import { ownIdentity } from "../files/process_identity.ts";
import { outputOf, startChild } from "../files/testing/child.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { lockRun } from "./run_lock.ts";
import { contents, messageOf, readMetrics, runToEnd, smallRecipe } from "./testing/runs.ts";
import { train } from "./train.ts";

const at = temporaryDirectory();
const recipe = () => smallRecipe(at("runs/x"), { training: { maxSteps: 4, saveEvery: 2 } });

/** A lock of a process of another machine or container, which has given a sign of life just now. */
function lockElsewhere(): void {
  mkdirSync(at("runs/x"), { recursive: true });
  const lock = { ...ownIdentity(), host: "box", place: "00000000", since: "2026-11-29T12:00:00.000Z" };
  writeFileSync(at("runs/x/run.lock"), JSON.stringify(lock));
}

describe("a second run into the same output", () => {
  test("is refused with the process that the first one is, and does not disturb it", async () => {
    let refusal: string | undefined;
    for await (const { type, step } of train(recipe(), { threads: 1 })) {
      if (type !== "step" || step !== 1) continue;
      refusal = await messageOf(runToEnd(recipe()));
    }
    const who = `process ${process.pid} on ${hostname()}, since 20\\d\\d-[^)]*Z`;
    expect(refusal).toMatch(
      new RegExp(
        `^AttuneError: .*runs/x: another run is writing to it \\(${who}\\)\\. Wait for it, stop it, or choose another output\\.$`,
      ),
    );
    await runToEnd({ ...recipe(), output: at("unbroken") });
    expect(readMetrics(at("runs/x"))).toEqual(readMetrics(at("unbroken")));
    expect(contents(at("runs/x/adapter"))).toEqual(contents(at("unbroken/adapter")));
    expect(existsSync(at("runs/x/run.lock"))).toBe(false);
  });

  test("is refused, too, when the recipe is another, and before its model is looked at", async () => {
    const lock = await lockRun(at("runs/x"));
    expect(await messageOf(runToEnd({ ...recipe(), model: at("none") }))).toContain("another run is writing");
    await lock.release();
  });

  test("is refused while a run of another machine or container gives signs of life", async () => {
    lockElsewhere();
    const before = contents(at("runs/x"));
    expect(await messageOf(runToEnd(recipe()))).toMatch(
      /runs\/x: another run is writing to it \(process \d+ on box, since 2026-11-29T12:00:00\.000Z\), on another machine or in another container; its last sign of life was \d+ s ago\. .* in 2 minutes, or remove .*runs\/x\/run\.lock\.$/,
    );
    expect(contents(at("runs/x"))).toEqual(before);
    rmSync(at("runs/x/run.lock"));
    await runToEnd(recipe());
  });

  test.skipIf(process.platform === "win32")("goes on where the first one was killed", async () => {
    const source = `
      import { train } from "attune";
      for await (const { type } of train(${JSON.stringify(recipe())}, { threads: 1 }))
        if (type === "checkpoint") process.kill(process.pid, "SIGKILL");`;
    await outputOf(startChild(at(), source));
    expect(readdirSync(at("runs/x"))).toContain("run.lock");
    expect((await runToEnd(recipe()))[0]).toMatchObject({ step: 2 });
    expect(readdirSync(at("runs/x"))).not.toContain("run.lock");
  });
});

describe("a failed start", () => {
  test("leaves no directory that was not there, and each one that was", async () => {
    const bad = { ...recipe(), model: at("none") };
    await messageOf(runToEnd(bad));
    expect(readdirSync(at())).toEqual([]);
    mkdirSync(at("runs"));
    await messageOf(runToEnd(bad));
    expect(readdirSync(at("runs"))).toEqual([]);
    mkdirSync(at("runs/x"));
    await messageOf(runToEnd(bad));
    expect(readdirSync(at("runs/x"))).toEqual([]);
  });
});

describe("an output that is lost while the run goes on is an error that says so", () => {
  const lose: [string, () => void, RegExp][] = [
    [
      "removed",
      () => rmSync(at("runs/x"), { recursive: true }),
      /^AttuneError: .*runs\/x: it was removed or moved while this run was going on, which ends here/,
    ],
    ["moved", () => renameSync(at("runs/x"), at("y")), /runs\/x: it was removed or moved while/],
    [
      "all of its parent removed",
      () => rmSync(at("runs"), { recursive: true }),
      /runs\/x: it was removed or moved/,
    ],
    [
      "replaced by a file",
      () => {
        rmSync(at("runs/x"), { recursive: true });
        writeFileSync(at("runs/x"), "");
      },
      /runs\/x: its run\.lock was removed|runs\/x: it was removed or moved/,
    ],
    [
      "its lock removed",
      () => rmSync(at("runs/x/run.lock")),
      /runs\/x: its run\.lock was removed, so that another run may/,
    ],
    ["taken over", lockElsewhere, /runs\/x: another run has taken it over while/],
  ];
  test.each(lose)("%s", async (_, loseIt, message) => {
    for (const moment of ["start 0", "step 1", "checkpoint 2", "step 4"]) {
      let after: Record<string, string> | undefined;
      const run = async () => {
        for await (const { type, step } of train(recipe(), { threads: 1 }))
          if (`${type} ${step}` === moment) {
            loseIt();
            after = contents(at());
          }
      };
      expect(await messageOf(run()), moment).toMatch(message);
      expect(contents(at()), moment).toEqual(after);
      for (const name of readdirSync(at())) rmSync(at(name), { recursive: true });
    }
  });
});
