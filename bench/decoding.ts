/**
 * How fast a model answers: attune in float32, int8 and int4; where its Python is given, transformers in float32 and bfloat16;
 * and, where a directory for its files is given, llama.cpp in f16, q8_0 and q4_0, as node-llama-cpp carries it (see
 * scripts/llama/llama_library.ts). Each in a process of its own, in turns.
 *
 *   npx tsx bench/decoding.ts --model DIR [--python PATH] [--gguf DIR] [--rounds 5] [--tokens 32] [--threads 2] [--together 8]
 *
 * Prints tokens/s after the first token: medians, and of attune and llama.cpp also for several requests side by side.
 * llama.cpp is given its next tokens, where the others choose them.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openLlama } from "../scripts/llama/llama_library.ts";
import { exportGguf } from "../src/export/gguf/export_gguf.ts";
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
    gguf: { type: "string" },
    compute: { type: "string" },
    llama: { type: "string" },
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
  /** When each token came. */
  const answer = async (seed: number) => {
    const times: number[] = [];
    const options = { temperature: 0, maxTokens: tokens, rules: () => [neverEnd] };
    for await (const _ of loaded.generate(prompt(seed), options)) times.push(performance.now());
    return times;
  };
  await answer(0);
  const one = speedOf([await answer(1)]);
  const several = speedOf(
    await Promise.all(Array.from({ length: Number(together) }, (_, i) => answer(i + 2))),
  );
  await loaded.release();
  return { one, several };
}

/** Tokens a second while all answers are under way: none's prompt is read then, as llama.cpp is measured. */
function speedOf(answers: readonly number[][]): number {
  const from = Math.max(...answers.map((times) => times[0]!));
  const to = Math.min(...answers.map((times) => times.at(-1)!));
  const count = answers.flat().filter((time) => time > from && time <= to).length;
  return count / ((to - from) / 1000);
}

/** All requests give as many tokens. */
const neverEnd = (scores: Float32Array) => void scores.fill(Number.NEGATIVE_INFINITY, 0, 5);

/** The same of llama.cpp, of a GGUF file. */
function measureLlama(file: string): Speeds {
  const loaded = openLlama().load(file, { rearranged: true });
  const speed = (count: number) => {
    const sequences = Array.from({ length: count }, (_, i) => prompt(i));
    const seconds = loaded.secondsOf(sequences, { steps: tokens, threads: Number(threads) });
    return (count * tokens) / seconds;
  };
  speed(1);
  const speeds = { one: speed(1), several: speed(Number(together)) };
  loaded.free();
  return speeds;
}

const GGUF_TYPES = ["f16", "q8_0", "q4_0"] as const;
const ggufFile = (type: string) => join(values.gguf!, `model-${type}.gguf`);

/** Writes the files that are not there yet. */
async function exportFiles(): Promise<void> {
  for (const type of GGUF_TYPES)
    if (!existsSync(ggufFile(type))) await exportGguf({ model: model!, type, output: ggufFile(type) });
}

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
const llamas = (type: string) => () =>
  run(process.execPath, [...process.execArgv, ...process.argv.slice(1), "--llama", ggufFile(type)]);
const theirs = (dtype: string) => () =>
  run(values.python!, ["-c", TRANSFORMERS, model!, dtype, String(tokens), threads]);
const run = (program: string, words: string[]): Speeds =>
  JSON.parse(execFileSync(program, words, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));

if (values.compute) console.log(JSON.stringify(await measure(values.compute as DecodingCompute)));
else if (values.llama) console.log(JSON.stringify(measureLlama(values.llama)));
else await compare();

async function compare(): Promise<void> {
  if (values.gguf) await exportFiles();
  const sides: Record<string, () => Speeds> = {
    ...Object.fromEntries(["float32", "int8", "int4"].map((type) => [`attune ${type}`, own(type)])),
    ...(values.gguf && Object.fromEntries(GGUF_TYPES.map((type) => [`llama.cpp ${type}`, llamas(type)]))),
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
