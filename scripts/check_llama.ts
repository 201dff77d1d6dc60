/**
 * npm run check-llama: llama.cpp loads what attune exports and must compute what transformers and PEFT did, cut texts as
 * transformers does, and apply adapters as PEFT does. With --write, what it passed is noted in goldens/gguf/checked.json,
 * which the tests compare with. Linux on x64; node-llama-cpp and koffi are installed into a cache when they are missing.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compareLogits, type LogitsAgreement } from "../src/export/same_logits.ts";
import {
  CHECKED,
  exportCase,
  exportLoraCase,
  exportVocabulary,
  isGelu,
  LLAMA_CASES,
  type LlamaCase,
  LORA_CASES,
  sha256,
  tokenGoldens,
} from "../src/export/testing/llama_cases.ts";
import { goldenPath, readGoldenTensors } from "../src/testing/goldens.ts";
import { type LlamaModel, openLlama } from "./llama/llama_library.ts";

const FLOAT32 = 1e-4;
/** llama.cpp's GELU is a table in float16. */
const GELU = 5e-3;
/** Of logits, relative to their size: rounding as measured with these models, times 1.5. */
const ROUNDED = { f32: 0, f16: 3e-3, bf16: 3e-2, q8_0: 5e-2, q4_0: 0.7 } as const;

const llama = openLlama();
const home = mkdtempSync(join(tmpdir(), "attune-llama-"));
const checked: Record<string, string> = {};
const failures: string[] = [];

function report(name: string, value: number, bound: number, unit = ""): void {
  const isWell = value <= bound;
  console.log(
    `${isWell ? "ok  " : "FAIL"} ${name.padEnd(32)} ${value.toExponential(2)}${unit}, bound ${bound}`,
  );
  if (!isWell) failures.push(name);
}

async function agreement(model: LlamaModel, golden: string, adapter?: string): Promise<LogitsAgreement> {
  const { input_ids, logits } = await readGoldenTensors(goldenPath(`${golden}/logits.safetensors`));
  const [rows, tokens] = input_ids!.shape as [number, number];
  const found = Array.from({ length: rows }, (_, row) =>
    model.logits(input_ids!.data.slice(row * tokens, (row + 1) * tokens), { adapter }),
  );
  const size = logits!.data.length / rows;
  const expected = found.map((_, row) => Float32Array.from(logits!.data.slice(row * size, (row + 1) * size)));
  return compareLogits(expected, found);
}

/** llama.cpp multiplies MXFP4 with activations in 8 bits. */
const productsOf = ({ model, type }: LlamaCase) => (model === "mxfp4" ? "q8_0" : type);

async function checkModel(one: LlamaCase): Promise<void> {
  const file = await exportCase(one, home);
  const model = llama.load(file);
  const { maxDifference, relativeDifference } = await agreement(model, one.adapter ?? one.model);
  if (one.type === "f32") report(one.name, maxDifference, isGelu(one) ? GELU : FLOAT32);
  else report(one.name, relativeDifference, ROUNDED[productsOf(one)], " of their size");
  model.free();
  if (one.adapter === undefined) checked[one.name] = sha256(file);
}

async function checkLora(one: (typeof LORA_CASES)[number]): Promise<void> {
  const base = LLAMA_CASES.find(({ model, type }) => model === one.model && type === "f32")!;
  const model = llama.load(join(home, `${base.name}.gguf`));
  const file = await exportLoraCase(one, home);
  const { maxDifference } = await agreement(model, one.adapter, file);
  report(one.name, maxDifference, isGelu(one) ? GELU : FLOAT32);
  model.free();
  checked[one.name] = sha256(file);
}

async function checkTokens(): Promise<void> {
  const { texts, ids } = tokenGoldens();
  for (const [name, { directory, plain, special }] of Object.entries(ids)) {
    const file = await exportVocabulary(directory, join(home, `${name}-tokens.gguf`));
    const model = llama.load(file, { vocabularyOnly: true });
    const isLike = (text: string) => !(name === "pieces" && text.startsWith(" ")); // the exporter warns of these
    const wrong = texts.filter((text, i) => isLike(text) && model.tokenize(text).join() !== plain[i]!.join());
    const beginnings = special.filter(
      (row, i) => isLike(texts[i]!) && model.tokenize(texts[i]!, true).join() !== row.join(),
    );
    report(`${name} tokens of ${texts.length} texts`, wrong.length + beginnings.length, 0, " differ");
    for (const text of wrong) {
      const i = texts.indexOf(text);
      console.log(`     ${JSON.stringify(text)}: ${model.tokenize(text)} instead of ${plain[i]}`);
    }
    model.free();
    checked[`${name}-tokens`] = sha256(file);
  }
}

/** Beginnings of names: all cases when there are none. */
const named = process.argv.slice(2).filter((argument) => argument !== "--write");
const isWanted = ({ name }: { name: string }) =>
  named.length === 0 || named.some((start) => name.startsWith(start));

if (named.length === 0) await checkTokens();
for (const one of LLAMA_CASES.filter(isWanted)) await checkModel(one);
for (const one of LORA_CASES.filter(isWanted)) await checkLora(one);
rmSync(home, { recursive: true });
if (process.argv.includes("--write") && failures.length === 0) {
  const before = named.length === 0 ? {} : JSON.parse(readFileSync(CHECKED, "utf8"));
  writeFileSync(CHECKED, `${JSON.stringify({ ...before, ...checked }, null, 1)}\n`);
}
if (failures.length > 0) {
  console.error(`${failures.length} failed: ${failures.join(", ")}`);
  process.exitCode = 1;
}
