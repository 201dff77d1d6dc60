/**
 * The demo's task in a tab of Chromium, on WASM, and in Node: trains the same recipe on the same rows in both, asks both
 * results the demo's exam, and prints scores and times side by side.
 *
 *   npm run check-tab [-- --threads N] [--rows N]
 *
 * The page is isolated, so that WASM could have threads. Each side chooses its own number unless told. With fewer --rows of each skill it is sooner done, and only the time is held
 * to what is promised.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { servePage } from "../playground/testing/served_page.ts";
import { demoSettings } from "../src/cli/commands/demo.ts";
import { packageFile } from "../src/cli/package_root.ts";
import { instructionSet } from "../src/demo/instructions.ts";
import { DEMO_TASKS } from "../src/demo/tasks/index.ts";
import { loadModel } from "../src/generation/load_model.ts";
import { train } from "../src/run/train.ts";
import { launchChromium, visit } from "../web/testing/visit.ts";
import { type Outcome, type Platform, run, type Trial } from "./tab/trial.ts";

/** Of the tab beside Node: points of the score apart, and times as long. */
const PROMISED = { points: 3, times: 4 };

const { values } = parseArgs({ options: { threads: { type: "string" }, rows: { type: "string" } } });
const { perTask, adapter, training, seed } = demoSettings;
const rowsOf = (split: "train" | "heldOut", perTask: number) =>
  instructionSet({ seed, perTask, split, tasks: DEMO_TASKS });
const trial: Trial = {
  recipe: { adapter, training, seed },
  rows: rowsOf("train", Number(values.rows ?? perTask.train)),
  questions: rowsOf("heldOut", perTask.heldOut),
  threads: values.threads === undefined ? undefined : Number(values.threads),
};

const node = await inNode(trial);
const tab = await inTab(trial);
const times = tab.training / node.training;
const points = 100 * Math.abs(tab.score - node.score);
const first = Math.abs(tab.losses[0]! / node.losses[0]! - 1);
print("Node", node);
print("a tab", tab);
console.log(
  `${trial.threads ? `${trial.threads} threads` : "threads as each chooses"}, ${tab.losses.length} steps: in a tab the score is ${points.toFixed(1)} points apart, ` +
    `training takes ${times.toFixed(1)} times as long, the first loss is ${first.toExponential(1)} apart`,
);
const isFar = points > PROMISED.points && values.rows === undefined;
process.exit(isFar || times > PROMISED.times ? 1 : 0);

function print(where: string, { score, training, exam, losses }: Outcome) {
  const [share, seconds] = [`${(100 * score).toFixed(1)}%`, training.toFixed(1)];
  console.log(
    `${where.padEnd(6)} ${share} right, ${seconds} s to train, ${exam.toFixed(1)} s to answer, last loss ${losses.at(-1)!.toFixed(4)}`,
  );
}

function inNode(trial: Trial): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), "attune-tab-"));
  const model = packageFile("demo/base");
  const platform: Platform<string> = {
    async *train({ recipe, rows, threads }) {
      const output = join(folder, "run");
      for await (const event of train({ ...recipe, model, data: [{ rows }], output }, { threads })) {
        if (event.type === "end") return event.path;
        yield event;
      }
      throw new Error("the run ended without saying so");
    },
    load: (path, { threads }) => loadModel(model, { adapters: path, threads }),
  };
  return run(platform, trial, tell("Node")).finally(() => rmSync(folder, { recursive: true }));
}

async function inTab(trial: Trial): Promise<Outcome> {
  const [server, browser] = await Promise.all([
    servePage(fileURLToPath(new URL("tab", import.meta.url))),
    launchChromium(),
  ]);
  try {
    const { page, faults } = await visit(browser, server.url, {});
    await page.exposeFunction("tellNode", tell("a tab"));
    if (!(await page.evaluate(() => crossOriginIsolated))) throw new Error("the page isn't isolated");
    const outcome = await page.evaluate(
      (trial) => runTrial(trial, (globalThis as unknown as { tellNode(text: string): void }).tellNode),
      trial,
    );
    if (faults.length > 0) throw new Error(faults.join("\n"));
    return outcome;
  } finally {
    await browser.close();
    await server.close();
  }
}

function tell(where: string) {
  return (progress: string) => console.log(`${where}: ${progress}`);
}
