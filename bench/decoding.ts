/**
 * How fast a model answers: attune in float32, int8 and int4 and, where its Python is given, transformers in float32 and
 * bfloat16; each in a process of its own, in turns.
 *
 *   npx tsx bench/decoding.ts --model DIR [--python PATH] [--rounds 5] [--tokens 32] [--threads 2] [--together 8]
 *
 * Prints tokens/s after the first token: medians, and of attune also for several requests side by side.
 */
import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";
import { loadModel } from "../src/generation/load_model.ts";
import type { DecodingCompute } from "../src/generation/low_bits.ts";

const { values } = parseArgs({
  options: {
    model: { type: "string" },
    python: { type: "string" },
    rounds: { type: "string", default: "5" },
    tokens: { type: "string", default: "32" },
    threads: { type: "string", default: "2" },
    together: { type: "string", default: "8" },
    compute: { type: "string" },
  },
});
if (!values.model) throw new Error("give --model DIR");
const { model, threads, together } = values;
const tokens = Number(values.tokens);
const prompt = (seed: number) => Array.from({ length: 64 }, (_, i) => ((i * 37 + seed) % 250) + 5);

interface Speeds {
  one: number;
  several?: number;
}

/** In this process: tokens/s of one request, and of several. */
async function measure(compute: DecodingCompute): Promise<Speeds> {
  const loaded = await loadModel(model!, { threads: Number(threads), compute, onWarning: () => {} });
  const answer = async (seed: number) => {
    const started = performance.now();
    let [first, last, count] = [started, started, 0];
    const options = { temperature: 0, maxTokens: tokens, rules: () => [neverEnd] };
    for await (const _ of loaded.generate(prompt(seed), options)) {
      last = performance.now();
      if (count++ === 0) first = last;
    }
    return { count: count - 1, seconds: (last - first) / 1000, first, last };
  };
  await answer(0);
  const { count, seconds } = await answer(1);
  const all = await Promise.all(Array.from({ length: Number(together) }, (_, i) => answer(i + 2)));
  const [from, to] = [Math.min(...all.map((a) => a.first)), Math.max(...all.map((a) => a.last))];
  await loaded.release();
  return {
    one: count / seconds,
    several: all.reduce((n, a) => n + a.count, 0) / ((to - from) / 1000),
  };
}

/** All requests give as many tokens. */
const neverEnd = (scores: Float32Array) => void scores.fill(Number.NEGATIVE_INFINITY, 0, 5);

const TRANSFORMERS = `
import json, sys, time, torch
from transformers import AutoModelForCausalLM
path, dtype, tokens, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(threads)
model = AutoModelForCausalLM.from_pretrained(path, dtype=getattr(torch, dtype)).eval()
ids = torch.tensor([[(i * 37 + 1) % 250 + 5 for i in range(64)]])
def seconds(n):
    start = time.perf_counter()
    model.generate(ids, max_new_tokens=n, min_new_tokens=n, do_sample=False)
    return time.perf_counter() - start
with torch.no_grad():
    seconds(2)
    print(json.dumps({"one": (tokens - 1) / (seconds(tokens) - seconds(1))}))
`;

const own = (compute: string) => () =>
  run(process.execPath, [...process.execArgv, ...process.argv.slice(1), "--compute", compute]);
const theirs = (dtype: string) => () =>
  run(values.python!, ["-c", TRANSFORMERS, model!, dtype, String(tokens), threads]);
const run = (program: string, words: string[]): Speeds =>
  JSON.parse(execFileSync(program, words, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));

if (values.compute) console.log(JSON.stringify(await measure(values.compute as DecodingCompute)));
else compare();

function compare(): void {
  const sides: Record<string, () => Speeds> = {
    ...Object.fromEntries(["float32", "int8", "int4"].map((type) => [`attune ${type}`, own(type)])),
    ...(values.python && {
      "transformers float32": theirs("float32"),
      "transformers bfloat16": theirs("bfloat16"),
    }),
  };
  const found: Record<string, Speeds[]> = {};
  for (let round = 0; round < Number(values.rounds); round++)
    for (const [name, measured] of Object.entries(sides)) found[name] = [...(found[name] ?? []), measured()];
  const median = (numbers: number[]) =>
    numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!.toFixed(1);
  for (const [name, speeds] of Object.entries(found)) {
    const several = speeds.flatMap(({ several }) => several ?? []);
    const more = several.length > 0 ? `, ${together} requests ${median(several)}` : "";
    console.log(`${name}: ${median(speeds.map(({ one }) => one))} tokens/s${more}`);
  }
}
