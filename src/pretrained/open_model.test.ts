import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { copyOf, readTensor, type TensorSource } from "../files/safetensors.ts";
import { writeSafetensors } from "../files/safetensors_file.ts";
import { haveSameValues } from "../files/same_values.ts";
import { rolled } from "../files/testing/own_head.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { linearLogits } from "../graph/ops/cross_entropy.ts";
import { familyOf } from "../models/families.ts";
import { frozenParameters } from "../models/frozen.ts";
import { rowPass } from "../models/row_pass.ts";
import { createScope } from "../models/scope.ts";
import { compile } from "../testing/evaluate.ts";
import { goldenPath, goldenTensorEntries, maxDifference, readGoldenTensors } from "../testing/goldens.ts";
import { AttuneError } from "../text/errors.ts";
import { openModel } from "./open_model.ts";

const at = temporaryDirectory();

/** Of the logits; measured is up to 1.4e-5. */
const TOLERANCE = 5e-5;

const MODELS = ["models", "families"].flatMap((kind) =>
  readdirSync(goldenPath(kind)).map((name) => `${kind}/${name}`),
);
const ends = await readGoldenTensors(goldenPath("ends/logits.safetensors"));
const TIED = MODELS.filter((name) => name in ends);
/** A model around another has its own variants. */
const PLAIN = MODELS.filter((name) => {
  const { model_type } = JSON.parse(readFileSync(goldenPath(`${name}/config.json`), "utf8"));
  return !familyOf(model_type).textPart;
});
const UNTIED = MODELS.filter((name) => !(name in ends));

type Sources = Map<string, TensorSource>;
type Change = (
  sources: Sources,
  names: { root: string; embedding: string; head: string },
) => Sources | undefined;

/** A golden's weights in one file, and its config.json, changed. */
async function changed(name: string, change: Change, config: object = {}): Promise<string> {
  rmSync(at("model"), { recursive: true, force: true });
  mkdirSync(at("model"));
  const own = JSON.parse(readFileSync(goldenPath(`${name}/config.json`), "utf8"));
  writeFileSync(at("model/config.json"), JSON.stringify({ ...own, ...config }));
  const {
    root = "model",
    embedding = "embed_tokens",
    head = "lm_head",
  } = familyOf(own.model_type).names ?? {};
  const tensors = await goldenTensorEntries(goldenPath(name));
  const sources: Sources = new Map([...tensors].map(([key, entry]) => [key, copyOf(entry)]));
  const names = { root: `${root}.`, embedding: `${root}.${embedding}.weight`, head: `${head}.weight` };
  const all = change(sources, names) ?? sources;
  await writeSafetensors(
    at("model/model.safetensors"),
    [...all].map(([key, source]) => ({ ...source, name: key })),
  );
  return at("model");
}

/** Logits [T, V] of a golden's first sequence by what `openModel` makes of the directory. */
async function logitsOf(path: string, name: string) {
  const { model, directory } = await openModel(path);
  const { input_ids } = await readGoldenTensors(goldenPath(`${name}/logits.safetensors`));
  const T = input_ids!.shape[1]!;
  const index = Array.from({ length: T }, (_, i) => i);
  const vector = (data: number[]) => ({ shape: [T], data });
  const { hidden, head, softcap } = model.decode(createScope(frozenParameters(directory.tensors)), rowPass());
  const compiled = await compile({ logits: linearLogits(hidden, head, { softcap }) });
  const { logits } = await compiled.run({
    tokens: vector([...input_ids!.data.slice(0, T)]),
    positions: vector(index),
    index: vector(index),
    ends: vector(index.map(() => T)),
  });
  await compiled.release();
  return logits!;
}

async function expectGolden(path: string, name: string): Promise<void> {
  const golden = await readGoldenTensors(goldenPath(`${name}/logits.safetensors`));
  const { data } = await logitsOf(path, name);
  expect(maxDifference(data, golden.logits!.data.slice(0, data.length))).toBeLessThan(TOLERANCE);
}

const same: Change = (sources) => sources;
const ownHead: Change = (sources, { embedding, head }) =>
  sources.set(head, rolled(sources.get(embedding)!, head));

describe("a tied config whose files hold another output layer: both are kept", () => {
  test.each(TIED)("%s", async (name) => {
    const path = await changed(name, ownHead);
    const { model, directory } = await openModel(path);
    expect(model.tied).toBe(false);
    expect(directory.config.tie_word_embeddings).toBe(false);
    const { data, shape } = await logitsOf(path, name);
    const V = shape[1]!;
    const shown = Array.from({ length: shape[0]! / 8 }, (_, i) => data.slice(8 * i * V, (8 * i + 1) * V));
    expect(maxDifference(shown.flat(), ends[name]!.data)).toBeLessThan(TOLERANCE);
  });

  test.each(UNTIED)("%s, told to tie", async (name) => {
    await expectGolden(await changed(name, same, { tie_word_embeddings: true }), name);
  });

  test("an equal copy is no second one, of another type or with another sign of 0 neither", async () => {
    const name = "models/qwen2-tied";
    const copies: Change[] = [
      (sources, { embedding, head }) => sources.set(head, sources.get(embedding)!),
      (sources, { embedding, head }) => {
        const [source, zero] = [sources.get(embedding)!, async () => signed(await readEmbedding(name), 0)];
        sources.set(embedding, { ...source, data: zero });
        return sources.set(head, { ...source, data: async () => signed(await readEmbedding(name), -0) });
      },
    ];
    for (const change of copies) {
      const { model, directory } = await openModel(await changed(name, change));
      expect(model.tied).toBe(true);
      expect(directory.tensors.has("lm_head.weight")).toBe(false); // what is trained, merged or saved has one of it
    }
    const narrow: Change = (sources, { embedding, head }) => {
      const data = async () => (await readEmbedding(name)).map((value) => Math.round(value));
      sources.set(embedding, { ...sources.get(embedding)!, data });
      return sources.set(head, { ...sources.get(embedding)!, dtype: "BF16", data });
    };
    expect((await openModel(await changed(name, narrow))).model.tied).toBe(true);
  });
});

const readEmbedding = async (name: string) =>
  readTensor((await goldenTensorEntries(goldenPath(name))).get("model.embed_tokens.weight")!);
const signed = (values: Float32Array, zero: number) => values.with(0, zero);

describe("of two tied ends one is enough", () => {
  test.each(TIED)("%s", async (name) => {
    const headAlone: Change = (sources, { embedding, head }) => {
      sources.set(head, sources.get(embedding)!);
      sources.delete(embedding);
      return sources;
    };
    await expectGolden(await changed(name, headAlone), name);
  });
});

describe("tensors by the names transformers finds them under", () => {
  const renamed =
    (rename: (key: string, root: string, head: string) => string): Change =>
    (sources, { root, head }) =>
      new Map([...sources].map(([key, source]) => [rename(key, root, head), source]));
  const variants: Record<string, Change> = {
    "without the root": renamed((key, root) => key.replace(root, "")),
    "the root twice": renamed((key, root) => (key.startsWith(root) ? root + key : key)),
    "the root before the output layer": renamed((key, root) => (key.startsWith(root) ? key : root + key)),
    "GPT-NeoX's output layer as lm_head": renamed((key) => key.replace("embed_out.", "lm_head.")),
  };
  for (const [what, change] of Object.entries(variants))
    test.each(PLAIN)(`${what}: %s`, async (name) => {
      const path = await changed(name, change);
      const { directory } = await openModel(path);
      const own = await goldenTensorEntries(goldenPath(name));
      expect([...directory.tensors.keys()].sort()).toEqual([...own.keys()].sort());
      for (const [key, entry] of directory.tensors) {
        expect(entry.name).toBe(key);
        expect(await haveSameValues(entry, own.get(key)!)).toBe(true);
      }
    });
});

describe("config.json is compared with the files before anything is built", () => {
  const refusal = async (name: string, config: object) => {
    const started = performance.now();
    const path = await changed(name, same, config);
    const error = await openModel(path).then(
      () => "opened",
      (e) => e,
    );
    expect(error).toBeInstanceOf(AttuneError);
    expect(performance.now() - started).toBeLessThan(20_000); // else hours, or no memory
    return (error as Error).message.replaceAll(at("model"), "model");
  };

  test.each<[string, object, string]>([
    [
      "models/qwen2-tied",
      { hidden_size: 1e9 },
      "  hidden_size: expected 32, as model.embed_tokens.weight is [320, 32] in model/model.safetensors, got 1000000000",
    ],
    ["models/qwen2-tied", { hidden_size: 2 ** 31 }, "  hidden_size: expected 32, "],
    ["models/qwen2-tied", { vocab_size: 1e9 }, "  vocab_size: expected 320, as model.embed_tokens.weight is"],
    [
      "models/qwen2-tied",
      { num_hidden_layers: 1e9 },
      "  num_hidden_layers: expected 2, as the files hold so many layers, got 1000000000",
    ],
    [
      "models/qwen2-tied",
      { num_attention_heads: 1e9 },
      "  num_attention_heads: expected a number of at most 65536",
    ],
    [
      "models/qwen2-tied",
      { num_attention_heads: 4, num_key_value_heads: 4 },
      "  model.layers.0.self_attn.k_proj.weight: expected [",
    ],
    [
      "models/qwen2-tied",
      { intermediate_size: 1e9 },
      "  model.layers.0.mlp.gate_proj.weight: expected [1000000000, 32], by config.json, got [72, 32]",
    ],
    [
      "models/qwen2-tied",
      { intermediate_size: 1e300 },
      "  intermediate_size: expected a number of at most 2147483647",
    ],
    [
      "models/llama-bias",
      { head_dim: 60_000 },
      "  model.layers.0.self_attn.q_proj.weight: expected [240000, 32]",
    ],
    ["families/gpt2", { n_embd: 1e9 }, "  n_embd: expected 24, as transformer.wte.weight is [320, 24]"],
    ["families/gpt2", { hidden_size: 1e9 }, "  n_embd: expected 24, "],
    ["families/gpt2", { n_layer: 1e9 }, "  n_layer: expected 2, as the files hold so many layers"],
    [
      "families/gpt2",
      { n_positions: 1e9 },
      "  transformer.wpe.weight: expected [1000000000, 24], by config.json, got [96, 24]",
    ],
    ["families/gpt_neox", { hidden_size: 1e9 }, "  hidden_size: expected "],
    [
      "families/mixtral",
      { num_local_experts: 1e9 },
      "  num_local_experts: expected a number of at most 4096, got 1000000000",
    ],
    [
      "families/mixtral",
      { num_local_experts: 4096 },
      "  model.layers.0.block_sparse_moe.gate.weight: expected [4096, 24]",
    ],
    [
      "families/qwen3_moe",
      { num_local_experts: 4096 },
      "  model.layers.0.mlp.gate.weight: expected [4096, 24]",
    ],
    [
      "families/qwen3_moe",
      { moe_intermediate_size: 1e9 },
      "  model.layers.0.mlp.experts.0.gate_proj.weight: expected [1000000000, 24]",
    ],
    [
      "families/gemma2",
      { layer_types: Array(100_000).fill("full_attention") },
      "  layer_types: expected 2 entries",
    ],
    ["families/smollm3", { no_rope_layers: [] }, "  no_rope_layers: expected 2 entries"],
    ["families/cohere", { hidden_size: 1e9 }, "  hidden_size: expected 32, "],
  ])("%s %j", async (name, config, expected) => {
    expect(await refusal(name, config)).toContain(expected);
  });

  test("a message shows a few of very many", async () => {
    const message = await refusal("families/mixtral", { num_local_experts: 4096 });
    expect(message.split("\n").length).toBeLessThanOrEqual(12);
    expect(message).toMatch(/and \d+ more/);
  });
});

test("Gemma 3n with its encoders is its text model, under names of its own", async () => {
  const own = JSON.parse(readFileSync(goldenPath("families/gemma3n_text/config.json"), "utf8"));
  const named: Change = (sources) =>
    new Map([
      ...[...sources].map(([key, s]) => [key.replace("model.", "model.language_model."), s] as const),
      ["model.embed_audio.embedding.weight", [...sources.values()][0]!],
    ]);
  const config = { model_type: "gemma3n", text_config: own, audio_config: {}, vision_config: {} };
  await expectGolden(await changed("families/gemma3n_text", named, config), "families/gemma3n_text");
});

test("keys of layers that read another's stay unread", async () => {
  const added: Change = (sources) =>
    new Map([...sources, ["model.layers.2.self_attn.k_proj.weight", [...sources.values()][0]!]]);
  await expectGolden(await changed("families/gemma4_text", added), "families/gemma4_text");
  const foreign: Change = (sources) =>
    new Map([...sources, ["model.layers.1.self_attn.k_proj.bias", [...sources.values()][0]!]]);
  await expect(changed("families/gemma4_text", foreign).then(openModel)).rejects.toThrow(
    "model.layers.1.self_attn.k_proj.bias: is not part of a gemma4_text model",
  );
});

test("a model of an unknown type is refused with the families it fits", async () => {
  const path = await changed("models/llama-gqa", same, { model_type: "theirs" });
  await expect(openModel(path)).rejects.toThrow(
    'got "theirs". Its config.json and tensors are those of a llama or mistral or ',
  );
});
