import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { readDataFile } from "../../../src/data/files/open_data.ts";
import { examplesOf } from "../../../src/data/formats/read_examples.ts";
import { input, inRepository, onlyFile } from "../files.ts";
import type { Target } from "../target.ts";

const NAMES = [
  "alpaca.json",
  "capitals.csv",
  "completion.jsonl",
  "messages.jsonl",
  "reviews.csv",
  "text.jsonl",
  "text.txt",
  "weather.jsonl",
];

/** Data files of every kind, plain and compressed. */
export const data: Target = {
  name: "data",
  async valid() {
    const plain = NAMES.map((name) => [name, readFileSync(inRepository(`examples/data/${name}`))] as const);
    const goldens = ["lines.jsonl.zst", "messages.parquet", "rows.parquet", "types.parquet"].map(
      (name) => [name, readFileSync(inRepository(`src/data/files/goldens/${name}`))] as const,
    );
    const csv = plain.find(([name]) => name === "capitals.csv")![1].toString("utf8");
    const tabs = ["capitals.tsv", Buffer.from(csv.replaceAll(",", "\t"))] as const;
    const packed = [...plain, tabs].map(([name, content]) => [`${name}.gz`, gzipSync(content)] as const);
    const files = [...plain, tabs, ...packed, ...goldens, ...goldens];
    return files.map(([name, content]) => input({ [name]: content }));
  },
  async read(directory) {
    const file = onlyFile(directory);
    for await (const _ of readDataFile(file));
    for await (const _ of examplesOf(readDataFile(file), file));
  },
};
