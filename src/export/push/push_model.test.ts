import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { startUploadServer, TOKEN, type UploadServer } from "../../hub/testing/upload_server.ts";
import { goldenPath } from "../../testing/goldens.ts";
import { exportGguf } from "../gguf/export_gguf.ts";
import { exportOnnx } from "../onnx/export_onnx.ts";
import { type PushOptions, pushModel } from "./push_model.ts";

const at = temporaryDirectory();
let server: UploadServer;
beforeEach(async () => {
  server = await startUploadServer();
});
afterEach(() => server.close());

const push = (options: Partial<PushOptions> & { path: string }) =>
  pushModel({ to: "harbour/bay", env: { HF_ENDPOINT: server.url, HF_TOKEN: TOKEN }, ...options });
const pushed = () => server.repos["harbour/bay"]!.files;
const card = () => pushed()["README.md"]!.toString();

/** An adapter whose files say where things lay on this machine. */
function adapter(): string {
  cpSync(goldenPath("training/llama-gqa-lora-all/final"), at("adapter"), { recursive: true });
  const file = at("adapter", "adapter_config.json");
  const config = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...config, base_model_name_or_path: "/home/ada/secret/Bay-0.5B" }));
  return at("adapter");
}

test("an adapter with a card: base, data, settings, scores, licence, and how to use it", async () => {
  const run = {
    data: ["harbour.jsonl"],
    settings: [["learningRate", "0.0002"]] as const,
    metrics: [["loss", "1.2, of the base 2.5"]] as const,
  };
  const report = await push({ path: adapter(), run, licence: "apache-2.0" });
  expect(report).toMatchObject({ kind: "adapter", files: 3, isNew: true });
  expect(Object.keys(pushed()).sort()).toEqual([
    ...["README.md", "adapter_config.json", "adapter_model.safetensors"],
  ]);
  expect(card()).toMatch(/^---\nbase_model: Bay-0\.5B\nlicense: apache-2\.0\nlibrary_name: peft\n/);
  for (const part of ["- data: harbour.jsonl", "- learningRate: 0.0002", "- loss: 1.2, of the base 2.5"])
    expect(card()).toContain(part);
  for (const part of ['"Bay-0.5B", "harbour/bay"', "@huggingface/transformers", "ollama create"])
    expect(card()).toContain(part);
});

test("nothing of this machine, and no secret, is sent", async () => {
  const path = adapter();
  writeFileSync(join(path, ".env"), `HF_TOKEN=${TOKEN}`);
  writeFileSync(join(path, "notes.txt"), "/home/ada");
  mkdirSync(join(path, "checkpoints"));
  const warnings: string[] = [];
  await push({ path, onWarning: (text) => warnings.push(text) });
  expect(warnings).toEqual([expect.stringMatching(/not pushed.*\.env, checkpoints\/, notes\.txt/)]);
  for (const content of Object.values(pushed())) {
    expect(content.includes("/home/ada")).toBe(false);
    expect(content.includes(TOKEN)).toBe(false);
  }
  expect(JSON.parse(pushed()["adapter_config.json"]!.toString()).base_model_name_or_path).toBe("Bay-0.5B");
});

test("a base of the hub is named as the hub does", async () => {
  const path = adapter();
  await push({ path, base: "/home/ada/.cache/huggingface/hub/models--harbour--Bay/snapshots/0123" });
  expect(card()).toMatch(/^---\nbase_model: harbour\/Bay\n/);
});

test("a model, an export for transformers.js, a GGUF file", async () => {
  const model = goldenPath("models/llama-gqa");
  expect(await push({ path: model, to: "harbour/model" })).toMatchObject({ kind: "model" });
  expect(Object.keys(server.repos["harbour/model"]!.files)).toContain("model.safetensors");
  await exportOnnx({ model, output: at("js"), type: "fp32" });
  expect(await push({ path: at("js"), to: "harbour/js" })).toMatchObject({ kind: "onnx" });
  const { files } = server.repos["harbour/js"]!;
  expect(files["onnx/model.onnx"]).toEqual(readFileSync(at("js", "onnx/model.onnx")));
  expect(files["README.md"]!.toString()).toContain('pipeline("text-generation", "harbour/js")');
  await exportGguf({ model, output: at("mine.gguf"), type: "f32" });
  expect(await push({ path: at("mine.gguf"), to: "harbour/gguf" })).toMatchObject({ kind: "gguf", files: 2 });
  expect(server.repos["harbour/gguf"]!.files["README.md"]!.toString()).toContain(
    "ollama run hf.co/harbour/gguf",
  );
});

test("a card that someone wrote stays; attune's own is made anew", async () => {
  const path = adapter();
  writeFileSync(join(path, "README.md"), "# Mine");
  await push({ path });
  expect(card()).toBe("# Mine");
  writeFileSync(join(path, "README.md"), "Made with attune. /home/ada");
  await push({ path });
  expect(card()).toContain("# An adapter for Bay-0.5B");
});

test("a directory without a model, and one that is not there", async () => {
  mkdirSync(at("empty"));
  await expect(push({ path: at("empty") })).rejects.toMatchObject({ code: "export.nothing-to-push" });
  await expect(push({ path: at("nowhere") })).rejects.toMatchObject({ code: "files.cannot-read" });
  expect(server.asked).toEqual([]);
});
