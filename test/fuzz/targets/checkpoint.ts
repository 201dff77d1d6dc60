import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readTensor } from "../../../src/files/safetensors.ts";
import { readCheckpoints, writeCheckpoint } from "../../../src/files/training_checkpoint.ts";
import { mutateHeader } from "../safetensors_header.ts";
import type { Input, Target } from "../target.ts";

export const checkpoint: Target = {
  name: "checkpoint",
  async valid() {
    const run = mkdtempSync(join(tmpdir(), "attune-fuzz-run-"));
    const tensors = [
      { name: "a.lora_A", shape: [2, 3], data: Float32Array.from([1, 2, 3, 4, 5, 6]) },
      { name: "optimizer.a", shape: [6], data: new Float32Array(6) },
    ];
    const state = { best: { loss: 0.5, step: 3 }, tokens: 123, history: [1, 2, 3], note: "é" };
    for (const step of [3, 6]) await writeCheckpoint(run, step, { tensors, state });
    const files: Input = new Map();
    for (const path of readdirSync(run, { recursive: true, encoding: "utf8" }))
      if (/\.(json|safetensors)$/.test(path)) files.set(path, readFileSync(join(run, path)));
    rmSync(run, { recursive: true });
    return [files];
  },
  mutate: mutateHeader,
  async read(directory) {
    const { sound, damaged } = await readCheckpoints(directory);
    for (const { problem } of damaged)
      if (problem.length > 1000) throw new Error(`a long problem: ${problem}`);
    for (const tensor of sound?.tensors.values() ?? []) await readTensor(tensor);
  },
};
