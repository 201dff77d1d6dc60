/**
 * How fast several requests of one adapter, of the base, and over several adapters are answered: of this checkout and, where
 * it is given, of another, each in a process of its own, in turns.
 *
 *   npx tsx bench/many_adapters.ts --model DIR [--before CHECKOUT] [--compute float32] [--rounds 3] [--requests 9]
 *     [--adapters 3] [--rank 8] [--tokens 32] [--threads 2]
 *
 * Prints tokens/s after the first token, medians.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import type * as loading from "../src/generation/load_model.ts";
import { writeRandomLora } from "../src/testing/random_lora.ts";

const { values } = parseArgs({
  options: {
    model: { type: "string" },
    before: { type: "string" },
    compute: { type: "string", default: "float32" },
    rounds: { type: "string", default: "3" },
    requests: { type: "string", default: "9" },
    adapters: { type: "string", default: "3" },
    rank: { type: "string", default: "8" },
    tokens: { type: "string", default: "32" },
    threads: { type: "string", default: "2" },
    side: { type: "string" },
    home: { type: "string" },
  },
});
if (!values.model) throw new Error("give --model DIR");
const { model } = values;
const [requests, adapters, tokens] = [values.requests, values.adapters, values.tokens].map(Number) as [
  number,
  number,
  number,
];

const names = Array.from({ length: adapters }, (_, i) => `a${i}`);
const prompt = (seed: number) => Array.from({ length: 64 }, (_, i) => ((i * 37 + seed) % 250) + 5);
/** All requests give as many tokens. */
const neverEnd = (scores: Float32Array) => void scores.fill(Number.NEGATIVE_INFINITY, 0, 5);

type Speeds = Record<"base" | "one adapter" | "several adapters", number>;

/** In this process, by the sources of the checkout `from`. */
async function measure(from: string, home: string): Promise<Speeds> {
  const file = pathToFileURL(join(from, "src/generation/load_model.ts")).href;
  const { loadModel } = (await import(file)) as typeof loading;
  const loaded = await loadModel(model!, {
    threads: Number(values.threads),
    compute: values.compute as "float32",
    adapters: Object.fromEntries(names.map((name) => [name, join(home, name)])),
    onWarning: () => {},
  });
  const answer = async (seed: number, adapter: string | null) => {
    let [first, last, count] = [0, 0, 0];
    const options = { adapter, temperature: 0, maxTokens: tokens, rules: () => [neverEnd] };
    for await (const _ of loaded.generate(prompt(seed), options)) {
      last = performance.now();
      if (count++ === 0) first = last;
    }
    return { count, first, last };
  };
  const speed = async (adapterOf: (i: number) => string | null) => {
    const all = await Promise.all(Array.from({ length: requests }, (_, i) => answer(i, adapterOf(i))));
    const [from, to] = [Math.min(...all.map((a) => a.first)), Math.max(...all.map((a) => a.last))];
    return all.reduce((n, { count }) => n + count - 1, 0) / ((to - from) / 1000);
  };
  for (const name of [null, ...names]) await answer(99, name); // opens its graph
  const speeds = {
    base: await speed(() => null),
    "one adapter": await speed(() => names[0]!),
    "several adapters": await speed((i) => names[i % adapters]!),
  };
  await loaded.release();
  return speeds;
}

async function compare(): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "attune-adapters-"));
  for (const [i, name] of names.entries())
    await writeRandomLora(model!, join(home, name), { seed: i + 1, r: Number(values.rank), alpha: 1 });
  const here = fileURLToPath(new URL("..", import.meta.url));
  const sides = { ...(values.before && { before: resolve(values.before) }), now: here };
  const found: Record<string, number[]> = {};
  for (let round = 0; round < Number(values.rounds); round++)
    for (const [side, from] of Object.entries(sides)) {
      const words = [...process.execArgv, ...process.argv.slice(1), "--side", from, "--home", home];
      const output = execFileSync(process.execPath, words, {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "inherit"],
      });
      for (const [what, speed] of Object.entries(JSON.parse(output) as Speeds)) {
        const name = `${side}: ${requests} requests, ${what}`;
        found[name] = [...(found[name] ?? []), speed];
      }
    }
  rmSync(home, { recursive: true });
  for (const [name, speeds] of Object.entries(found)) {
    const median = speeds.toSorted((a, b) => a - b)[Math.floor(speeds.length / 2)]!;
    console.log(`${name}: ${median.toFixed(1)} tokens/s`);
  }
}

if (values.side) console.log(JSON.stringify(await measure(values.side, values.home!)));
else await compare();
