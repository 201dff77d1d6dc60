import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packSequences } from "../../../src/data/tokenize/sequence_block.ts";
import { openSequenceFile } from "../../../src/data/tokenize/sequence_file.ts";
import { writeSequenceFile } from "../../../src/data/tokenize/write_sequence_file.ts";
import { input, onlyFile } from "../files.ts";
import type { Target } from "../target.ts";

export const cache: Target = {
  name: "cache",
  async valid() {
    const directory = mkdtempSync(join(tmpdir(), "attune-fuzz-cache-"));
    const sequences = Array.from({ length: 20 }, (_, i) => ({
      tokens: Int32Array.from({ length: 2 + i }, (_, j) => 10 * i + j),
      labelWeights: Float32Array.from({ length: 2 + i }, (_, j) => (j > i / 2 ? 1 : 0)),
      origin: { file: `file${i % 3}.jsonl`, row: i },
    }));
    await writeSequenceFile(join(directory, "a.sequences"), async (append) => {
      await append(packSequences(sequences.slice(0, 12)));
      await append(packSequences(sequences.slice(12)));
      return { report: { rows: 20 } };
    });
    const bytes = readFileSync(join(directory, "a.sequences"));
    rmSync(directory, { recursive: true });
    return [input({ "a.sequences": bytes })];
  },
  async read(directory) {
    const file = await openSequenceFile(onlyFile(directory));
    for (let i = 0; i < file.length; i++) file.at(i);
    file.close();
  },
};
