import { readdirSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { readMetrics, runToEnd, smallRecipe } from "../run/testing/runs.ts";
import type { RecipeInput } from "../training/recipe.ts";
import {
  attuneTogether,
  installed,
  oneWorld,
  rankOf,
  ranksOf,
  type Started,
  startTogether,
} from "./testing/mpirun.ts";

const at = temporaryDirectory();

/** Steps enough to be stopped twice, too small to drift. */
const LONG = { maxSteps: 400, batchSize: 16, learningRate: 1e-5, saveEvery: 100_000 };

function writeRecipe(name: string, changes: Partial<RecipeInput> = {}): string {
  const file = at(`${name}.json`);
  writeFileSync(file, JSON.stringify(smallRecipe(at(`run-${name}`), changes)));
  return file;
}

/** Lines of the metrics so far. */
function stepsOf(name: string): number {
  try {
    return readMetrics(at(`run-${name}`)).length;
  } catch {
    return 0; // not begun, or a line is being written
  }
}

/** Does `harm` once a few steps are done. */
async function harmed(name: string, words: string[], harm: (running: Started) => void) {
  const before = stepsOf(name);
  const running = startTogether(words);
  let isOver = false;
  void running.ended.then(() => {
    isOver = true;
  });
  while (stepsOf(name) < before + 3 && !isOver) await setTimeout(50);
  expect(isOver, running.said()).toBe(false);
  const ranks = ranksOf(running.process.pid!);
  const began = performance.now();
  harm(running);
  const { code } = await running.ended;
  const seconds = () => (performance.now() - began) / 1000;
  while (ranks.some(isAlive) && seconds() < 10) await setTimeout(50);
  return { code, said: running.said(), left: ranks.filter(isAlive), seconds: seconds() };
}

const isAlive = (pid: number) => rankOf(pid) !== undefined;

const kill = (signal: NodeJS.Signals, whom: "launcher" | number) => (running: Started) => {
  const { pid } = running.process;
  process.kill(whom === "launcher" ? pid! : ranksOf(pid!)[whom]!, signal);
};

const STOPS: [ranks: number, NodeJS.Signals, whom: "launcher" | number][] = [
  [2, "SIGINT", "launcher"],
  [3, "SIGTERM", 1],
];

const figures = (name: string) =>
  readMetrics(at(`run-${name}`)).map(({ step, loss, gradNorm }) => [step!, loss!, gradNorm!]);

describe.each(installed)("%s:", (by) => {
  test("each signal saves once and ends all; what was stopped twice has the figures of an unbroken run", async () => {
    const recipe = writeRecipe(by, { training: LONG });
    const train = (size: number) => attuneTogether(by, size, "train", recipe, "--threads", "1");
    const saved: string[] = [];
    for (const [size, signal, whom] of STOPS) {
      const { said, left, seconds } = await harmed(by, train(size), kill(signal, whom));
      saved.push(`step-${stepsOf(by)}`);
      expect(readdirSync(at(`run-${by}/checkpoints`)), said).toEqual(expect.arrayContaining(saved));
      expect(left).toEqual([]);
      expect(seconds).toBeLessThan(20); // OpenMPI's launcher takes the time that it gives twice
    }
    expect(await startTogether(train(1)).ended).toMatchObject({ code: 0 });
    await runToEnd(smallRecipe(at("run-unbroken"), { training: LONG }));
    const [broken, unbroken] = [figures(by), figures("unbroken")];
    expect(broken.map(([step]) => step)).toEqual(unbroken.map(([step]) => step));
    for (const [i, line] of broken.entries())
      for (const [k, value] of line.entries())
        expect(Math.abs(value / unbroken[i]![k]! - 1)).toBeLessThanOrEqual(1e-6);
  }, 180_000);

  test.each([0, 1])(
    "when rank %i is killed all end, and say which",
    async (rank) => {
      const recipe = writeRecipe(`${by}-${rank}`, { training: { ...LONG, saveEvery: 2 } });
      const words = attuneTogether(by, 2, "train", recipe, "--json", "--threads", "1");
      const { code, said, left, seconds } = await harmed(`${by}-${rank}`, words, kill("SIGKILL", rank));
      expect(seconds).toBeLessThan(10);
      expect(code).not.toBe(0);
      expect(said).toMatch(new RegExp(`rank ${rank} .*(killed|signal 9)`, "i"));
      expect(said).not.toMatch(new RegExp(`rank ${1 - rank} .*(killed|signal 9)`, "i"));
      expect(left).toEqual([]);
      if (rank === 0) return;
      await harmed(`${by}-${rank}`, words, (running) => {
        expect(running.said()).not.toContain('"step":1,');
        kill("SIGTERM", "launcher")(running);
      });
    },
    120_000,
  );

  const wrong: [what: string, words: () => string[], said: RegExp][] = [
    [
      "recipe",
      () => ["train", writeRecipe("bad", { training: { maxSteps: -1 } })],
      /rank 1 .*error:.*maxSteps/s,
    ],
    ["option", () => ["train", writeRecipe("fine"), "--thraeds", "1"], /rank 1 .*error: unknown option/s],
  ];
  test.each(wrong)(
    "a rank alone with a wrong %s ends all, with its message",
    async (what, words, message) => {
      const fine = attuneTogether(by, 1, "train", writeRecipe(`${by}-${what}`, { training: LONG }));
      const running = startTogether(oneWorld(fine, attuneTogether(by, 1, ...words())));
      const { code, seconds } = await running.ended;
      expect(running.said()).toMatch(message);
      expect(code).not.toBe(0);
      expect(seconds).toBeLessThan(40); // with the start, on busy cores
    },
    60_000,
  );

  test("without MPI's library at one rank all end", async () => {
    const train = attuneTogether(by, 1, "train", writeRecipe(`${by}-mpi`, { training: LONG }));
    const without = ["-x", "-env"][by === "OpenMPI" ? 0 : 1]!;
    const value = by === "OpenMPI" ? ["ATTUNE_MPI=/none.so"] : ["ATTUNE_MPI", "/none.so"];
    const [launcher, ...rest] = train;
    const running = startTogether(oneWorld(train, [launcher!, without, ...value, ...rest]));
    expect(await running.ended).not.toMatchObject({ code: 0 });
    expect(running.said()).toMatch(/rank 1 .*library of MPI was not found/s);
  }, 60_000);
});
