import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A config.json of transformers, but for special tokens. */
export interface Shape {
  model_type: string;
  vocab_size: number;
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  num_key_value_heads: number;
  [key: string]: unknown;
}

const QWEN = {
  model_type: "qwen2",
  max_position_embeddings: 32_768,
  rms_norm_eps: 1e-6,
  rope_parameters: { rope_type: "default", rope_theta: 1_000_000 },
  tie_word_embeddings: true,
};

export const HALF_BILLION: Shape = {
  ...QWEN,
  vocab_size: 151_936,
  hidden_size: 896,
  intermediate_size: 4_864,
  num_hidden_layers: 24,
  num_attention_heads: 14,
  num_key_value_heads: 2,
};

/** 2.8 million parameters. */
export const THREE_MILLION: Shape = {
  ...QWEN,
  vocab_size: 4_096,
  hidden_size: 192,
  intermediate_size: 640,
  num_hidden_layers: 4,
  num_attention_heads: 6,
  num_key_value_heads: 6,
};

/** Long rows, and what grows with width and depth, are measured on this. */
export const MIDDLE: Shape = {
  ...QWEN,
  vocab_size: 8_192,
  hidden_size: 512,
  intermediate_size: 1_536,
  num_hidden_layers: 8,
  num_attention_heads: 8,
  num_key_value_heads: 2,
};

/** For a look whether the suite works. */
export const TINY: Shape = {
  ...QWEN,
  vocab_size: 640,
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
};

/** Makes models and adapters by shape, once each. */
export interface Models {
  model(shape: Shape): string;
  adapter(shape: Shape, rank: number): string;
}

export function modelsIn(folder: string, python: string, corpus: string): Models {
  const script = join(import.meta.dirname, "..", "make_model.py");
  const make = (path: string, words: (into: string) => string[]) => {
    if (existsSync(path)) return path;
    const into = `${path}.partial`;
    rmSync(into, { recursive: true, force: true });
    console.error(`making ${path}`);
    execFileSync(python, [script, ...words(into)], { stdio: ["ignore", "ignore", "pipe"] });
    renameSync(into, path);
    return path;
  };
  const models: Models = {
    model(shape) {
      mkdirSync(folder, { recursive: true });
      const path = join(folder, nameOf(shape));
      const config = `${path}.json`;
      writeFileSync(config, JSON.stringify(shape));
      return make(path, (into) => ["model", config, into, "--corpus", corpus]);
    },
    adapter(shape, rank) {
      const base = models.model(shape);
      return make(`${base}-r${rank}`, (into) => ["adapter", base, into, "--rank", String(rank)]);
    },
  };
  return models;
}

const nameOf = (shape: Shape) =>
  [
    ...[shape.model_type, shape.num_hidden_layers, shape.hidden_size, shape.intermediate_size],
    ...[shape.num_attention_heads, shape.num_key_value_heads, shape.vocab_size],
  ].join("-");
