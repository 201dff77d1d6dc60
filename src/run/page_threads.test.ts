import { expect, test } from "vitest";
import { readModel } from "../models/families.ts";
import { pageThreads } from "./page_threads.ts";

const model = (hidden_size: number) =>
  readModel({
    ...{ model_type: "llama", vocab_size: 64, hidden_size, intermediate_size: 4 * hidden_size },
    ...{ num_hidden_layers: 2, num_attention_heads: 4, max_position_embeddings: 128 },
  });

test("a small model is computed by one thread of a page, unless more are asked for", () => {
  expect(pageThreads(model(64), { device: "wasm" })).toBe(1);
  expect(pageThreads(model(64), { device: "wasm", threads: 3 })).toBe(3);
  expect(pageThreads(model(64), { device: "webgpu" })).toBeUndefined();
  expect(pageThreads(model(1024), { device: "wasm" })).toBeUndefined();
});
