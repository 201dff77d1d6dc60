import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { JINJA_TEMPLATES } from "../../templates/named_templates.ts";
import { goldenPath } from "../../testing/goldens.ts";
import { exportPeft } from "./export_peft.ts";

const at = temporaryDirectory();
const model = goldenPath("models/llama-gqa");
const adapter = goldenPath("training/llama-gqa-lora-all/final");
const read = (...parts: string[]) => readFileSync(at(...parts), "utf8");

test("PEFT's files and a card, without a tokenizer that is the base's", async () => {
  expect(await exportPeft({ model, adapter, output: at("out") })).toEqual({
    modules: 21,
    hasTokenizer: false,
  });
  expect(readdirSync(at("out")).sort()).toEqual([
    "README.md",
    "adapter_config.json",
    "adapter_model.safetensors",
  ]);
  const before = readFileSync(`${adapter}/adapter_config.json`, "utf8");
  expect(read("out", "adapter_config.json")).toBe(before);
  expect(read("out", "README.md")).toMatch(
    /^---\nbase_model: goldens\/models\/llama-gqa\nlibrary_name: peft\n/,
  );
  expect(read("out", "README.md")).toContain("LoRA, r 8, alpha 16, on 21 layers.");
});

test("the base by its name on the hub", async () => {
  const base = at("hub", "models--harbour--Bay-0.5B", "snapshots", "0123");
  mkdirSync(base, { recursive: true });
  cpSync(model, base, { recursive: true });
  const own = at("own");
  cpSync(adapter, own, { recursive: true });
  const config = JSON.parse(readFileSync(`${own}/adapter_config.json`, "utf8"));
  writeFileSync(`${own}/adapter_config.json`, JSON.stringify({ ...config, base_model_name_or_path: base }));
  await exportPeft({ model: base, adapter: own, output: at("out") });
  expect(JSON.parse(read("out", "adapter_config.json")).base_model_name_or_path).toBe("harbour/Bay-0.5B");
  expect(read("out", "README.md")).toContain('base, path_to_this = "harbour/Bay-0.5B", "."');
});

test("the tokenizer goes along with a template that the base doesn't have", async () => {
  const { hasTokenizer } = await exportPeft({ model, adapter, output: at("out"), template: "llama2" });
  expect(hasTokenizer).toBe(true);
  expect(read("out", "chat_template.jinja")).toBe(
    `{% set bos_token = '' %}${JINJA_TEMPLATES.llama2!.source}`,
  );
  expect(existsSync(at("out", "tokenizer.json"))).toBe(true);
});

test("what stands in the way is named, and nothing is written", async () => {
  const fail = (options: object) =>
    exportPeft({ model, adapter, output: at("out"), ...options }).catch((error: Error) => error.message);
  expect(await fail({ adapter: model })).toMatch(/It holds a model/);
  expect(await fail({ model: goldenPath("models/qwen2-tied") })).toMatch(/does not fit the model/);
  mkdirSync(at("out", "x"), { recursive: true });
  expect(await fail({})).toMatch(/already exists and is not empty/);
  expect(readdirSync(at())).toEqual(["out"]);
});
