import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { realpath } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readTensorBytes } from "../files/safetensors.ts";
import { readSafetensorsHeader } from "../files/safetensors_file.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { AttuneError } from "../text/errors.ts";
import { openModelDirectory } from "./model_directory.ts";

const at = temporaryDirectory();
const golden = (name: string) => fileURLToPath(new URL(`../../goldens/models/${name}`, import.meta.url));
const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));

test("a directory of transformers 5", async () => {
  const path = golden("qwen2-tied");
  const model = await openModelDirectory(path);
  expect(model.path).toBe(path);
  expect(model.config).toEqual(json(`${path}/config.json`));
  expect(model.generationConfig).toEqual(json(`${path}/generation_config.json`));
  expect(model.tokenizerJson).toEqual(json(`${path}/tokenizer.json`));
  expect(model.tokenizerConfig).toEqual(json(`${path}/tokenizer_config.json`));
  expect(model.specialTokensMap).toEqual({});
  expect(model.addedTokens).toEqual({});
  expect(model.chatTemplates?.default).toBe(readFileSync(`${path}/chat_template.jinja`, "utf8"));
  expect(model.tensors.get("model.norm.weight")).toMatchObject({
    dtype: "F32",
    file: `${path}/model.safetensors`,
  });
});

test("a directory of transformers 4: the template in tokenizer_config.json", async () => {
  cpSync(golden("llama-gqa"), at("m"), { recursive: true });
  renameSync(at("m/config.v4.json"), at("m/config.json"));
  rmSync(at("m/chat_template.jinja"));
  const tokenizer = json(at("m/tokenizer_config.json"));
  writeFileSync(at("m/special_tokens_map.json"), '{"eos_token": "<|im_end|>"}');
  for (const field of [
    "old",
    [
      { name: "default", template: "old" },
      { name: "rag", template: "x" },
    ],
  ]) {
    writeFileSync(at("m/tokenizer_config.json"), JSON.stringify({ ...tokenizer, chat_template: field }));
    const model = await openModelDirectory(at("m"));
    expect(model.chatTemplates?.default).toBe("old");
    expect(model.specialTokensMap).toEqual({ eos_token: "<|im_end|>" });
    expect(model.config.torch_dtype).toBeDefined();
  }
  writeFileSync(at("m/chat_template.jinja"), "new");
  expect((await openModelDirectory(at("m"))).chatTemplates?.default).toBe("new");
});

test("shards: every tensor lies in the shard that the index says", async () => {
  const path = golden("llama-sharded");
  const { tensors } = await openModelDirectory(path);
  const weightMap = json(`${path}/model.safetensors.index.json`).weight_map as Record<string, string>;
  expect([...tensors.keys()].sort()).toEqual(Object.keys(weightMap).sort());
  for (const [name, { file }] of tensors) expect(file).toBe(`${path}/${weightMap[name]}`);
});

test("one file without an index counts before shards, as in transformers", async () => {
  cpSync(golden("llama-sharded"), at("m"), { recursive: true });
  cpSync(`${golden("llama-gqa")}/model.safetensors`, at("m/model.safetensors"));
  const { tensors } = await openModelDirectory(at("m"));
  expect(new Set([...tensors.values()].map(({ file }) => file))).toEqual(
    new Set([await realpath(at("m/model.safetensors"))]),
  );
});

test("the least: config and weights", async () => {
  mkdirSync(at("m"));
  for (const file of ["config.json", "model.safetensors"])
    cpSync(`${golden("llama-gqa")}/${file}`, at("m", file));
  const model = await openModelDirectory(at("m"));
  expect(model.tokenizerJson).toBeUndefined();
  expect(model.chatTemplates).toBeUndefined();
  expect(model.generationConfig).toBeUndefined();
  expect([model.tokenizerConfig, model.specialTokensMap, model.addedTokens]).toEqual([{}, {}, {}]);
});

test("without weights only where the caller says so", async () => {
  mkdirSync(at("m"));
  writeFileSync(at("m/config.json"), "{}");
  await expect(openModelDirectory(at("m"))).rejects.toThrow(
    /expected model\.safetensors, or shards with an index, got no weights/,
  );
  expect((await openModelDirectory(at("m"), { weights: "optional" })).tensors.size).toBe(0);
  writeFileSync(at("m/pytorch_model.bin"), "");
  await expect(openModelDirectory(at("m"))).rejects.toThrow(
    /got pytorch_model\.bin\. Convert the weights to safetensors first/,
  );
});

test("the Hugging Face cache: files are links into blobs", async () => {
  cpSync(golden("llama-sharded"), at("blobs"), { recursive: true });
  mkdirSync(at("snapshots/0123"), { recursive: true });
  for (const file of readdirSync(at("blobs"))) symlinkSync(`../../blobs/${file}`, at("snapshots/0123", file));
  symlinkSync("0123", at("snapshots/main"));
  const model = await openModelDirectory(at("snapshots/main"));
  expect(model.path).toBe(await realpath(at("snapshots/0123")));
  const entry = model.tensors.get("model.norm.weight")!;
  expect(entry.file).toMatch(/\/blobs\/model-0000\d-of-00003\.safetensors$/);
  const original = (await readSafetensorsHeader(entry.file)).tensors.get("model.norm.weight")!;
  expect(await readTensorBytes(entry)).toEqual(await readTensorBytes(original));
});

describe("what is wrong is named", () => {
  const INDEX = "model.safetensors.index.json";
  const edit = (file: string, change: (value: Record<string, object>) => object) =>
    writeFileSync(at("m", file), JSON.stringify(change(json(at("m", file)))));
  const placed = (tensor: string, shard: unknown) => () =>
    edit(INDEX, (index) => ({ ...index, weight_map: { ...index.weight_map, [tensor]: shard } }));
  const misplace = (shard: unknown) => placed("model.norm.weight", shard);
  const withoutTemplate = () => rmSync(at("m/chat_template.jinja"));

  test.each<[string, () => void, RegExp]>([
    ["no config", () => rmSync(at("m/config.json")), /not a model directory: it has no config\.json/],
    [
      "config that is no JSON",
      () => writeFileSync(at("m/config.json"), "{,"),
      /config\.json: not valid JSON/,
    ],
    [
      "config that is a list",
      () => writeFileSync(at("m/config.json"), "[]"),
      /config\.json: expected a JSON object, got a list/,
    ],
    [
      "config that is null",
      () => writeFileSync(at("m/config.json"), "null"),
      /expected a JSON object, got null/,
    ],
    [
      "config that is no text",
      () => writeFileSync(at("m/config.json"), Buffer.of(0xff)),
      /config\.json: the file is not UTF-8/,
    ],
    [
      "generation config that is a number",
      () => writeFileSync(at("m/generation_config.json"), "1"),
      /generation_config\.json: expected/,
    ],
    [
      "tokenizer that is no JSON",
      () => writeFileSync(at("m/tokenizer.json"), "x"),
      /tokenizer\.json: not valid JSON/,
    ],
    [
      "a tokenizer of 300 MB",
      () => truncateSync(at("m/tokenizer.json"), 300e6),
      /tokenizer\.json: the file has 300000000 bytes, more than the limit/,
    ],
    [
      "a template of 20 MB",
      () => truncateSync(at("m/chat_template.jinja"), 20e6),
      /chat_template\.jinja: the file has 20000000 bytes/,
    ],
    [
      "a template that is a directory",
      () => {
        withoutTemplate();
        mkdirSync(at("m/chat_template.jinja"));
      },
      /chat_template\.jinja.*(not a file|is a directory)/,
    ],
    [
      "a template of another kind",
      () => {
        withoutTemplate();
        edit("tokenizer_config.json", (config) => ({ ...config, chat_template: 5 }));
      },
      /tokenizer_config\.json: chat_template: expected text/,
    ],
    [
      "a missing shard",
      () => rmSync(at("m/model-00002-of-00003.safetensors")),
      /names shards that are missing: model-00002-of-00003\.safetensors/,
    ],
    [
      "a shard outside",
      misplace("../../../../etc/passwd"),
      /"model\.norm\.weight" should be in "\.\.\/\.\.\/\.\.\/\.\.\/etc\/passwd"; expected the name/,
    ],
    ["an absolute shard", misplace("/etc/passwd"), /should be in "\/etc\/passwd"/],
    ["a shard in Windows' spelling", misplace("..\\x.safetensors"), /should be in/],
    ["a shard outside with the right ending", misplace("../x.safetensors"), /should be in/],
    [
      "a shard that is a number",
      misplace(3),
      /index\.json: weight_map\.model\.norm\.weight: expected text, got /,
    ],
    [
      "an index without a map",
      () => edit(INDEX, () => ({})),
      /index\.json: weight_map: missing; expected an object/,
    ],
    [
      "a tensor that its shard lacks",
      placed("model.new.weight", "model-00001-of-00003.safetensors"),
      /promises tensors that their shards lack: model\.new\.weight \(model-00001/,
    ],
    [
      "a tensor in another shard",
      misplace("model-00001-of-00003.safetensors"),
      /shards lack: model\.norm\.weight \(model-00001-of-00003/,
    ],
    [
      "a shard that was cut",
      () => truncateSync(at("m/model-00003-of-00003.safetensors"), 2000),
      /model-00003-of-00003\.safetensors.*damaged/,
    ],
  ])("%s", async (_, damage, message) => {
    cpSync(golden("llama-sharded"), at("m"), { recursive: true });
    damage();
    await expect(openModelDirectory(at("m"))).rejects.toThrow(AttuneError);
    await expect(openModelDirectory(at("m"))).rejects.toThrow(message);
    await expect(openModelDirectory(at("m"))).rejects.toThrow(at("m"));
  });

  test("an adapter directory, a file, nothing", async () => {
    writeFileSync(at("adapter_config.json"), "{}");
    await expect(openModelDirectory(at())).rejects.toThrow(/expected a model, got a PEFT adapter/);
    await expect(openModelDirectory(at("adapter_config.json"))).rejects.toThrow(/Cannot read .*ENOTDIR/);
    await expect(openModelDirectory(at("none"))).rejects.toThrow(/Cannot read .*none: there is no such/);
  });

  test("__proto__ in config and index pollutes nothing", async () => {
    cpSync(golden("llama-sharded"), at("m"), { recursive: true });
    const config = readFileSync(at("m/config.json"), "utf8").replace("{", '{"__proto__": {"polluted": 1},');
    writeFileSync(at("m/config.json"), config);
    const index = readFileSync(at("m/model.safetensors.index.json"), "utf8");
    writeFileSync(
      at("m/model.safetensors.index.json"),
      index.replace('"weight_map": {', '"weight_map": {"__proto__": "../x",'),
    );
    await openModelDirectory(at("m")).catch((error) => expect(error).toBeInstanceOf(AttuneError));
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});
