import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { parseRecipe, type RecipeInput } from "../../training/recipe.ts";
import { smallRecipe } from "../testing/runs.ts";
import type { TrialValues } from "./plan.ts";
import { type SweepOptions, sweep } from "./sweep.ts";

const at = temporaryDirectory();
const evaluation: RecipeInput["evaluation"] = { fraction: 0.1, every: 1 };

function recipeOf({ rate, seed = 42 }: TrialValues, output: string) {
  const training = { maxSteps: 6, maxLength: 96, learningRate: rate as number, warmupRatio: 0 };
  return parseRecipe(smallRecipe(output, { evaluation, training, seed: seed as number }));
}

const rates = (...values: number[]) => values.map((rate) => ({ rate }));

async function run(
  options: Partial<SweepOptions> & Pick<SweepOptions, "trials">,
  see?: (text: string) => void,
) {
  const events: string[] = [];
  const work = sweep({ output: at("out"), recipeOf, threads: 1, ...options });
  for (let next = await work.next(); ; next = await work.next()) {
    if (next.done) return { events, result: next.value };
    const event = next.value;
    const text = event.type === "trial" ? `${event.trial.name} to ${event.share.toFixed(2)}` : event.type;
    events.push(text);
    see?.(text);
  }
}

const trialsIn = (events: string[]) => events.filter((text) => text.includes(" to "));
const stored = () => JSON.parse(readFileSync(at("out/sweep.json"), "utf8"));

describe("a sweep", () => {
  test("drops what is worse at a rung, forgets nothing, and does nothing twice", async () => {
    const trials = rates(1e-9, 2e-3, 1e38, 1e-4);
    const { events, result } = await run({ trials });
    expect(trialsIn(events)).toEqual([
      "001 to 0.33",
      "002 to 0.33",
      "003 to 0.33",
      "004 to 0.33",
      "002 to 1.00",
      "004 to 1.00",
    ]);
    expect(result!.best.values).toEqual({ rate: 2e-3 });
    expect(result!.trials.map(({ name, state, step }) => `${name} ${state} ${step}`)).toEqual([
      "002 finished 6",
      "004 finished 6",
      "001 dropped 2",
      "003 failed 1",
    ]);
    expect(result!.trials.at(-1)!.problem).toMatch(/^step 1: the evaluation loss is/);
    expect(readFileSync(at("out/report.html"), "utf8")).toContain("Sweep, the best first");
    expect(stored().trials).toHaveLength(4);
    const again = await run({ trials });
    expect(again.events).toEqual([]);
    expect(again.result).toEqual(result);
  });

  test("that was stopped goes on where it was, with the same end", async () => {
    const trials = rates(1e-4, 2e-3, 1e-9);
    const stop = new AbortController();
    let steps = 0;
    const first = await run(
      { trials, signal: stop.signal },
      (text) => text === "step" && ++steps === 5 && stop.abort(),
    );
    expect(first.result).toBeUndefined();
    const { events, result } = await run({ trials });
    expect(trialsIn(events)[0]).toBe("003 to 0.33");
    const unbroken = await run({ trials, output: at("unbroken") });
    expect(result).toEqual(unbroken.result);
  });

  test("counts the mean over seeds, and may train all to the end", async () => {
    const trials = [1, 2].flatMap((seed) => [1e-9, 2e-3].map((rate) => ({ rate, seed })));
    const { events, result } = await run({ trials, stopEarly: false });
    expect(trialsIn(events)).toEqual(["001 to 1.00", "002 to 1.00", "003 to 1.00", "004 to 1.00"]);
    expect(result!.best.values).toEqual({ rate: 2e-3 });
    const [one, two] = result!.trials;
    expect([one!.values.rate, two!.values.rate]).toEqual([2e-3, 2e-3]);
    expect(result!.best.loss).toBeCloseTo((one!.loss! + two!.loss!) / 2, 12);
  });
});

describe("a sweep is refused before it trains", () => {
  test("of a recipe that holds nothing out", async () => {
    const bare = (_: TrialValues, output: string) => parseRecipe(smallRecipe(output));
    await expect(run({ trials: rates(1e-3), recipeOf: bare })).rejects.toThrow("without held-out rows");
    expect(existsSync(at("out"))).toBe(false);
  });

  test("over a run, over another sweep, and over a damaged one", async () => {
    mkdirSync(at("out"));
    writeFileSync(at("out/recipe.json"), "{}");
    await expect(run({ trials: rates(1e-3) })).rejects.toThrow("the directory holds a run");
    mkdirSync(at("b"));
    writeFileSync(at("b/sweep.json"), '{"asked":"other","trials":[]}');
    await expect(run({ trials: rates(1e-3), output: at("b") })).rejects.toThrow(
      "the directory holds another sweep",
    );
    writeFileSync(at("b/sweep.json"), '{"asked":3}');
    await expect(run({ trials: rates(1e-3), output: at("b") })).rejects.toThrow(
      "sweep.json: it can't be read",
    );
  });

  test("all of whose trials break", async () => {
    await expect(run({ trials: rates(1e37, 1e38) })).rejects.toThrow("none of 2 trials has a held-out loss");
  });
});
