/**
 * npm run check-transformers-js: transformers.js loads what attune exports, without a network, and must compute the logits of
 * transformers, write its greedy text token for token, and chat with the template; quantized, the loss of held-out text may
 * rise by 1% (q8) or 5% (q4). examples/chat.html must give the same answer in Chromium, on WASM and on WebGPU.
 * It is installed into a cache when it is missing; ATTUNE_TRANSFORMERS_JS names a directory that has it. Arguments name families,
 * and then nothing else is checked, or further models whose loss is shown; with --loss families are left out.
 */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { pretrainingText } from "../src/demo/pretraining_text.ts";
import { exportOnnx } from "../src/export/onnx/export_onnx.ts";
import { ONNX_TYPES, type OnnxTypeName } from "../src/export/onnx/onnx_types.ts";
import { modelWithTokenizer } from "../src/export/testing/llama_cases.ts";
import { chromiumMissing } from "../src/testing/chromium.ts";
import { goldenPath, maxDifference, readGoldenTensors } from "../src/testing/goldens.ts";
import { chatInPage } from "./chat_page.ts";

const VERSION = "4.3.2";
const FLOAT32 = 1e-4;
const LOSS: Partial<Record<OnnxTypeName, number>> = { fp16: 0.001, q8: 0.01, q4: 0.05 };
const HOME =
  process.env.ATTUNE_TRANSFORMERS_JS ??
  fileURLToPath(new URL("../node_modules/.cache/attune-transformers-js", import.meta.url));

function install(): string {
  if (!existsSync(join(HOME, "node_modules/@huggingface/transformers"))) {
    mkdirSync(HOME, { recursive: true });
    writeFileSync(join(HOME, "package.json"), '{"private":true}\n');
    const flags = ["install", "--ignore-scripts", "--no-audit", "--no-fund"];
    execFileSync("npm", [...flags, `@huggingface/transformers@${VERSION}`], { cwd: HOME, stdio: "inherit" });
  }
  return createRequire(join(HOME, "package.json")).resolve("@huggingface/transformers");
}

// biome-ignore lint/suspicious/noExplicitAny: transformers.js is not installed with attune
type TransformersJs = any;
const js: TransformersJs = await import(pathToFileURL(install()).href);
const home = mkdtempSync(join(tmpdir(), "attune-transformers-js-"));
js.env.allowRemoteModels = false;
js.env.localModelPath = home;

const failures: string[] = [];
function report(name: string, value: number, bound: number): void {
  const isWell = value <= bound;
  console.log(`${isWell ? "ok  " : "FAIL"} ${name.padEnd(40)} ${value.toExponential(2)}, bound ${bound}`);
  if (!isWell) failures.push(name);
}

interface Greedy {
  prompt: number;
  tokens: Record<string, string>;
  chat: { messages: object[]; text: string };
}
const greedy: Greedy = JSON.parse(readFileSync(goldenPath("onnx/greedy.json"), "utf8"));

const ids = (rows: number[][]) =>
  new js.Tensor("int64", BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0]!.length]);

async function checkFamily(name: string): Promise<void> {
  const model = modelWithTokenizer(`families/${name}`, join(home, "models"));
  const asked = { model, output: join(home, name), type: "fp32", template: "none" } as const;
  const known = await exportOnnx(asked).then(
    (report) => report.known,
    (error) => {
      if (error.code !== "export.unknown-architecture") throw error;
      return console.log(`     ${name}: ${error.message}`);
    },
  );
  if (known === undefined) return;
  if (!known) return console.log(`     ${name}: transformers.js does not know it`);
  const loaded = await js.AutoModelForCausalLM.from_pretrained(name);
  const golden = await readGoldenTensors(goldenPath(`families/${name}/logits.safetensors`));
  const [, T] = golden.input_ids!.shape as [number, number];
  const tokens = golden.input_ids!.data.slice(0, T);
  const { logits } = await loaded({ input_ids: ids([tokens]), attention_mask: ids([tokens.map(() => 1)]) });
  report(
    `${name}, logits`,
    maxDifference(logits.data, golden.logits!.data.slice(0, logits.data.length)),
    FLOAT32,
  );
  // transformers reads a text that outgrows the short length anew, as transformers.js does not.
  const most = name === "phi3-longrope" ? greedy.prompt : undefined;
  const expected = greedy.tokens[name]!.split(" ").map(Number).slice(0, most);
  const prompt = tokens.slice(0, greedy.prompt);
  const inputs = ids([prompt]);
  const options = { max_new_tokens: expected.length, do_sample: false, eos_token_id: -1 };
  const mask = ids([prompt.map(() => 1)]);
  const output = await loaded.generate({ inputs, attention_mask: mask, ...options });
  const found = Array.from(output.data as BigInt64Array, Number).slice(prompt.length);
  report(`${name}, greedy tokens that differ`, expected.filter((id, i) => found[i] !== id).length, 0);
  await loaded.dispose();
}

async function checkChat(base: string): Promise<void> {
  for (const type of Object.keys(ONNX_TYPES) as OnnxTypeName[]) {
    const name = `demo-${type}`;
    await exportOnnx({ model: base, output: join(home, name), type });
    const chat = await js.pipeline("text-generation", name);
    const [{ generated_text: messages }] = await chat(greedy.chat.messages, { max_new_tokens: 48 });
    const answer = messages.at(-1).content;
    console.log(`     ${name} answers ${JSON.stringify(answer)}`);
    if (type === "fp32") report("the demo's chat differs", +(answer !== greedy.chat.text), 0);
    await chat.dispose();
  }
}

async function checkPage(): Promise<void> {
  if (chromiumMissing) return console.log(`     examples/chat.html was not opened: ${chromiumMissing}`);
  const folder = join(home, "page");
  mkdirSync(folder);
  await exportOnnx({ model: base, output: join(folder, "mine-js"), type: "fp32" });
  const { messages, text: expected } = greedy.chat as { messages: { content: string }[]; text: string };
  for (const device of ["wasm", "webgpu"] as const) {
    const packages = join(HOME, "node_modules");
    const answer = await chatInPage({ folder, packages, device, say: messages[0]!.content });
    report(`examples/chat.html differs on ${device}`, +!answer.startsWith(expected), 0);
  }
}

async function lossOf(name: string, text: string): Promise<number> {
  const tokenizer = await js.AutoTokenizer.from_pretrained(name);
  const model = await js.AutoModelForCausalLM.from_pretrained(name);
  const tokens: number[] = tokenizer.encode(text, { add_special_tokens: false });
  let [sum, count] = [0, 0];
  for (let from = 0; from + 1 < tokens.length; from += 128) {
    const row = tokens.slice(from, from + 129);
    const { logits } = await model({ input_ids: ids([row]), attention_mask: ids([row.map(() => 1)]) });
    const V = logits.dims[2];
    for (let t = 0; t + 1 < row.length; t++, count++) {
      const own: Float32Array = logits.data.subarray(t * V, (t + 1) * V);
      const most = own.reduce((max, value) => Math.max(max, value));
      sum +=
        most + Math.log(own.reduce((total, value) => total + Math.exp(value - most), 0)) - own[row[t + 1]!]!;
    }
  }
  await model.dispose();
  return sum / count;
}

async function checkLoss(model: string, text: string): Promise<void> {
  let reference = 0;
  for (const type of Object.keys(ONNX_TYPES) as OnnxTypeName[]) {
    const name = `loss-${basename(model)}-${type}`;
    await exportOnnx({ model, output: join(home, name), type });
    const loss = await lossOf(name, text);
    reference ||= loss;
    console.log(`     ${model} in ${type}: loss ${loss.toFixed(5)}`);
    report(`${type}: share by which the loss rises`, loss / reference - 1, LOSS[type] ?? 0);
    rmSync(join(home, name), { recursive: true });
  }
}

const base = fileURLToPath(new URL("../demo/base", import.meta.url));
/** Another seed than the base model was pretrained on. */
const text = [...pretrainingText({ seed: 7, documents: 12_040 })].slice(-40).join("\n");
const families = readdirSync(goldenPath("families"));
const words = process.argv.slice(2).filter((word) => word !== "--loss");
const chosen = words.filter((word) => families.includes(word));
if (chosen.length > 0) for (const name of chosen) await checkFamily(name);
else {
  if (!process.argv.includes("--loss")) for (const name of families) await checkFamily(name);
  await checkChat(base);
  await checkPage();
  for (const model of [base, ...words]) await checkLoss(model, text);
}
rmSync(home, { recursive: true });
if (failures.length > 0) {
  console.error(`${failures.length} failed: ${failures.join(", ")}`);
  process.exitCode = 1;
}
