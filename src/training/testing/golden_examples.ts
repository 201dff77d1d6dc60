import { readFileSync } from "node:fs";
import type { TokenSequence } from "../../data/tokenize/token_sequence.ts";
import { goldenPath } from "../../testing/goldens.ts";

/** The tokenized examples that a golden run was trained on. */
export function goldenExamples(path: string): TokenSequence[] {
  type Golden = { row: number; input_ids: number[]; label_mask: number[] };
  const { examples } = JSON.parse(readFileSync(goldenPath(path), "utf8"));
  return examples.map(({ row, input_ids, label_mask }: Golden) => ({
    tokens: Int32Array.from(input_ids),
    labelWeights: Float32Array.from(label_mask),
    origin: { file: path, row },
  }));
}
