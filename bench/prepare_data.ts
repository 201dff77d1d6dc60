/**
 * Tokenizing a dataset the first time and from the cache, and what memory that takes: 52,000 rows, and ten times as many.
 *
 *   npx tsx bench/prepare_data.ts [--data FILE] [--tokenizer DIRECTORY] [--rows 52000,520000] [--template alpaca|chatml]
 *
 * The rows are those of an Alpaca file, again and again, each time with other words. Without a model's directory, a
 * tokenizer of 32,000 tokens is learned from that file.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readDataset } from "../src/data/formats/read_dataset.ts";
import { cacheKey } from "../src/data/tokenize/cache_key.ts";
import { prepareDataset } from "../src/data/tokenize/prepare.ts";
import type { TokenizePlan } from "../src/data/tokenize/tokenize_plan.ts";
import { trainTokenizer } from "../src/tokenizers/train.ts";

const { values } = parseArgs({
  options: {
    data: { type: "string", default: "../shared/data/alpaca_en_demo.json" },
    tokenizer: { type: "string" },
    rows: { type: "string", default: "52000,520000" },
    template: { type: "string", default: "chatml" },
    workers: { type: "string" },
    measure: { type: "string" },
  },
});

interface Row {
  instruction: string;
  input: string;
  output: string;
}

if (values.measure) await measure(values.measure);
else await compare();

async function compare(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "attune-bench-"));
  try {
    const rows: Row[] = JSON.parse(readFileSync(values.data, "utf8"));
    if (!values.tokenizer) learnTokenizer(rows, directory);
    for (const count of values.rows.split(",")) {
      const data = join(directory, `${count}.jsonl`);
      await writeRows(data, rows, Number(count));
      for (const time of ["first", "again"])
        console.log(`${count} rows, ${time}:`, measureApart(data, directory));
      rmSync(data);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function learnTokenizer(rows: readonly Row[], directory: string): void {
  const specialTokens = ["<|im_start|>", "<|im_end|>"];
  const texts = rows.map((row) => Object.values(row).join("\n"));
  const json = trainTokenizer(texts, { vocabSize: 32_000, specialTokens });
  writeFileSync(join(directory, "tokenizer.json"), JSON.stringify(json));
  writeFileSync(join(directory, "tokenizer_config.json"), JSON.stringify({ eos_token: "<|im_end|>" }));
}

/** About 52,000 Alpaca rows have 21 MB; these have twice that. */
async function writeRows(path: string, rows: readonly Row[], count: number): Promise<void> {
  const file = createWriteStream(path);
  for (let i = 0; i < count; i++) {
    const { instruction, input, output } = rows[i % rows.length]!;
    const more = ` ${(i * 2_654_435_761).toString(36)} ${(i * 40_503).toString(26)}`;
    const line = JSON.stringify({ instruction: instruction + more, input, output: more + output });
    if (!file.write(`${line}\n`)) await once(file, "drain");
  }
  await finished(file.end());
}

/** In a process of its own, whose memory is nobody else's. */
function measureApart(data: string, directory: string): unknown {
  const tokenizer = values.tokenizer ?? directory;
  const self = fileURLToPath(import.meta.url);
  const passed = ["--tokenizer", tokenizer, "--template", values.template];
  if (values.workers) passed.push("--workers", values.workers);
  const args = ["--import", "tsx", self, "--measure", data, ...passed];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" }));
}

async function measure(data: string): Promise<void> {
  const started = performance.now();
  const json = (name: string) => {
    const path = join(values.tokenizer!, name);
    return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : null;
  };
  const plan: TokenizePlan = {
    tokenizerJson: json("tokenizer.json"),
    tokenizerConfig: json("tokenizer_config.json"),
    template: { name: values.template!, now: new Date() },
    settings: { maxLength: 512, stage: "instruct" },
  };
  const source = { files: [data], settings: null };
  const { store, report } = await prepareDataset(readDataset({ path: data }), plan, {
    cache: { directory: `${data}.cache`, key: () => cacheKey([source], plan) },
    ...(values.workers && { workers: Number(values.workers) }),
  });
  const seconds = (performance.now() - started) / 1000;
  console.log(
    JSON.stringify({
      seconds: Number(seconds.toFixed(2)),
      peakMegabytes: Math.round(process.resourceUsage().maxRSS / 1024),
      sequences: store.length,
      tokens: report.tokens,
    }),
  );
}
