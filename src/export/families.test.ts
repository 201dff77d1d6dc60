import { existsSync, readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readSafetensorsHeader } from "../files/safetensors_file.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { createDecoder, openDecodingSession } from "../generation/decoder.ts";
import { openModel } from "../pretrained/open_model.ts";
import { saveModelDirectory } from "../pretrained/save_model_directory.ts";
import { readWeight } from "../quantization/read_weight.ts";
import { openSession } from "../runtime/node.ts";
import { goldenPath, maxDifference } from "../testing/goldens.ts";
import { mergeAdapter } from "./merge.ts";
import { quantizeModel } from "./quantize_model.ts";

const at = temporaryDirectory();
const FAMILIES = readdirSync(goldenPath("families")).filter((name) =>
  existsSync(goldenPath(`families/${name}/initial`)),
);
/** Their linear layers lie elsewhere, or are put together otherwise, than Llama's. */
const OTHERWISE = [
  ...[
    "apertus",
    "deepseek_v2",
    "deepseek_v3",
    "falcon",
    "gemma3",
    "gemma3n_text",
    "gemma4_text",
    "gemma4_text-experts",
    "glm4",
    "gpt_neox",
    "granitemoehybrid",
    "lfm2",
    "mistral3",
    "mixtral",
    "olmo",
  ],
  ...["phi", "phi3", "qwen3_5", "qwen3_next", "stablelm"],
];
const TOKENS = Array.from({ length: 24 }, (_, t) => (t * 37 + 11) % 300);

const namesIn = async (path: string) =>
  [...(await readSafetensorsHeader(`${path}/model.safetensors`)).tensors.keys()].sort();

async function logitsOf(path: string): Promise<Float32Array> {
  const { model, directory } = await openModel(path);
  const session = await openDecodingSession(model, directory.tensors, openSession, {
    device: "cpu",
    threads: 1,
  });
  const logits = await createDecoder(session, model.dimensions).score(TOKENS);
  await session.release();
  return logits;
}

describe.each(FAMILIES)("%s", (name) => {
  const model = goldenPath(`families/${name}`);

  test("a merged adapter computes the same, in files with the base's names", async () => {
    const { agreement } = await mergeAdapter({ model, adapter: `${model}/initial`, output: at("merged") });
    expect(agreement.maxDifference).toBeLessThan(1e-4);
    expect(await namesIn(at("merged"))).toEqual(await namesIn(model));
  });

  test.runIf(OTHERWISE.includes(name))("NF4 computes what its codes stand for", async () => {
    await quantizeModel({
      model,
      output: at("nf4"),
      quantization: { type: "nf4", doubleQuant: true },
    });
    const { directory } = await openModel(at("nf4"));
    const { quantization_config: _, ...config } = directory.config;
    const tensors = Array.from(directory.tensors.values(), (entry) => ({
      ...{ name: entry.name, dtype: "F32" as const, shape: entry.shape },
      data: () => readWeight(entry),
    }));
    await saveModelDirectory(at("plain"), { config, tensors });
    const [logits, expected] = [await logitsOf(at("nf4")), await logitsOf(at("plain"))];
    expect(maxDifference(logits, expected)).toBeLessThan(2e-5); // measured 0
    expect(maxDifference(logits, await logitsOf(model))).toBeGreaterThan(1e-2);
  });
});
