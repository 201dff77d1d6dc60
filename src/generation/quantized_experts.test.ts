/** Experts in codes compute what the codes stand for, in every family that has them; so do projections of latent attention. */
import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { TensorEntry } from "../files/safetensors.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { modelLayout } from "../models/layout.ts";
import { openModel } from "../pretrained/open_model.ts";
import { saveModelDirectory } from "../pretrained/save_model_directory.ts";
import { quantizeTensors } from "../quantization/quantize_tensors.ts";
import { isCoded } from "../quantization/quantized_entry.ts";
import { readWeight } from "../quantization/read_weight.ts";
import { openSession } from "../runtime/node.ts";
import { goldenPath, maxDifference } from "../testing/goldens.ts";
import { createDecoder, openDecodingSession } from "./decoder.ts";

const at = temporaryDirectory();
const TOKENS = Array.from({ length: 24 }, (_, t) => (t * 37 + 11) % 300);

type Tensors = ReadonlyMap<string, TensorEntry>;

async function logitsOf(path: string, coded?: Tensors): Promise<Float32Array> {
  const { model, directory } = await openModel(path);
  const tensors = coded ?? directory.tensors;
  const session = await openDecodingSession(model, tensors, openSession, { device: "cpu", threads: 1 });
  const logits = await createDecoder(session, model.dimensions).score(TOKENS);
  await session.release();
  return logits;
}

const opened = await Promise.all(
  readdirSync(goldenPath("families")).map(async (name) => ({
    name,
    layout: modelLayout((await openModel(goldenPath(`families/${name}`))).model),
  })),
);
const mixtures = opened.filter(({ layout }) => layout.experts.size > 0);

test("all kinds of mixtures are among them", () => {
  const names = mixtures.map(({ name }) => name);
  const wanted = ["deepseek_v2", "deepseek_v3", "ernie4_5_moe", "gemma4_text-experts", "glm4_moe", "gpt_oss"];
  wanted.push("granitemoe", "mixtral", "olmoe", "qwen2_moe", "qwen3_moe", "qwen3_next");
  expect(names).toEqual(expect.arrayContaining(wanted));
});

describe.each(mixtures.map(({ name }) => name))("%s", (name) => {
  test.each(["nf4", "int8"] as const)("in %s", async (type) => {
    const path = goldenPath(`families/${name}`);
    const { model, directory } = await openModel(path);
    const layout = modelLayout(model);
    const tensors = await quantizeTensors(directory.tensors, layout, { type }, { directory: at("cache") });
    const coded = [...tensors.values()].filter(isCoded).map((entry) => entry.name);
    const experts = /\.experts\.|\.block_sparse_moe\.(input|output)_linear\./;
    const own = [...directory.tensors.keys()].filter(
      (tensor) => experts.test(tensor) && !/bias$/.test(tensor),
    );
    expect(own.length).toBeGreaterThan(0);
    expect(coded).toEqual(expect.arrayContaining(own));
    await saveModelDirectory(at("plain"), {
      config: directory.config,
      tensors: Array.from(tensors.values(), (entry) => ({
        ...{ name: entry.name, dtype: "F32" as const, shape: entry.shape },
        data: () => readWeight(entry),
      })),
    });
    const logits = await logitsOf(path, tensors);
    expect(maxDifference(logits, await logitsOf(at("plain")))).toBeLessThan(5e-5);
    expect(maxDifference(logits, await logitsOf(path))).toBeGreaterThan(1e-3);
  });
});
