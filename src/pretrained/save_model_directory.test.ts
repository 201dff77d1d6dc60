import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { copyOf, type TensorSource } from "../files/safetensors.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { openModelDirectory, saveModelDirectory } from "./model_directory.ts";

const at = temporaryDirectory();
const golden = (name: string) => fileURLToPath(new URL(`../../goldens/models/${name}`, import.meta.url));
const ONLY_IN_GOLDENS = ["config.v4.json", "golden.json", "logits.safetensors"];

/** llama-sharded was saved by transformers in the order of its modules with `max_shard_size` as in goldens/models.py. */
const MODULE_ORDER = [
  "embed_tokens",
  "self_attn.q",
  "self_attn.k",
  "self_attn.v",
  "self_attn.o",
  "gate",
  "up",
  "down",
  "input_",
  "post_",
  "model.norm",
  "lm_head",
];

function moduleOrder(a: TensorSource, b: TensorSource): number {
  const layer = ({ name }: TensorSource) =>
    Number(/layers\.(\d+)\./.exec(name)?.[1] ?? (name.includes("embed") ? -1 : 99));
  const part = ({ name }: TensorSource) => MODULE_ORDER.findIndex((part) => name.includes(part));
  return layer(a) - layer(b) || part(a) - part(b);
}

describe.each([
  ["qwen2-tied", 5e9],
  ["llama-bf16", 5e9],
  ["llama-sharded", 60_000],
])("%s", (name, maxShardBytes) => {
  test("is saved byte for byte as transformers saved it", async () => {
    const from = await openModelDirectory(golden(name));
    const tensors = [...from.tensors.values()].map(copyOf).sort(moduleOrder);
    await saveModelDirectory(at("copy"), { config: from.config, tensors, from, maxShardBytes });
    const expected = readdirSync(golden(name)).filter((file) => !ONLY_IN_GOLDENS.includes(file));
    expect(readdirSync(at("copy"))).toEqual(expected);
    for (const file of expected) {
      expect(readFileSync(at("copy", file)).equals(readFileSync(`${golden(name)}/${file}`)), file).toBe(true);
    }
    expect(readdirSync(at())).toEqual(["copy"]);
  });
});

test("a changed config keeps the floats of the original", async () => {
  const from = await openModelDirectory(golden("llama-linear-rope"));
  const config = { ...from.config, dtype: "bfloat16" };
  await saveModelDirectory(at("x"), { config, tensors: [], from });
  const text = readFileSync(at("x/config.json"), "utf8");
  expect(text).toContain('"dtype": "bfloat16"');
  expect(text).toContain('"factor": 4.0');
  expect(JSON.parse(text)).toEqual(config);
});

test("chat templates beside the default one come along", async () => {
  cpSync(golden("llama-gqa"), at("m"), { recursive: true });
  mkdirSync(at("m/additional_chat_templates"));
  for (const file of ["tool_use.jinja", "notes.txt"])
    writeFileSync(at("m/additional_chat_templates", file), "tools");
  const from = await openModelDirectory(at("m"));
  await saveModelDirectory(at("x"), { config: from.config, tensors: [], from });
  expect(readdirSync(at("x/additional_chat_templates"))).toEqual(["tool_use.jinja"]);
  expect((await openModelDirectory(at("x"), { weights: "optional" })).chatTemplates).toEqual(
    from.chatTemplates,
  );
});

test("without a model to take from: config and weights alone", async () => {
  const tensors: TensorSource[] = [
    { name: "w", dtype: "BF16", shape: [2], data: () => Float32Array.of(1, 2) },
  ];
  await saveModelDirectory(at("x"), { config: { model_type: "llama" }, tensors });
  expect(readdirSync(at("x"))).toEqual(["config.json", "model.safetensors"]);
  expect((await openModelDirectory(at("x"))).tensors.get("w")).toMatchObject({ dtype: "BF16", shape: [2] });
});

test("an existing directory is refused, or replaced where the caller owns it", async () => {
  const save = (value: number, replace?: boolean) =>
    saveModelDirectory(at("x"), {
      config: { value },
      tensors: [{ name: "w", dtype: "F32", shape: [1], data: () => Float32Array.of(value) }],
      replace,
    });
  await save(1);
  writeFileSync(at("x/notes"), "");
  await expect(save(2)).rejects.toThrow(/x: the directory already exists and is not empty/);
  expect((await openModelDirectory(at("x"))).config).toEqual({ value: 1 });
  await save(3, true);
  expect((await openModelDirectory(at("x"))).config).toEqual({ value: 3 });
  expect(readdirSync(at("x"))).toEqual(["config.json", "model.safetensors"]);
});

test("a tensor that fails half-way leaves nothing behind", async () => {
  const tensors: TensorSource[] = ["a", "b"].map((name) => ({
    name,
    dtype: "F32",
    shape: [1],
    data: () => {
      if (name === "b") throw new Error("out of memory");
      return Float32Array.of(1);
    },
  }));
  await expect(saveModelDirectory(at("x"), { config: {}, tensors })).rejects.toThrow("out of memory");
  expect(readdirSync(at())).toEqual([]);
});
