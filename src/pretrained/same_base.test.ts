import { cpSync, mkdirSync } from "node:fs";
import { expect, test } from "vitest";
import { quantizeModel } from "../export/quantize_model.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { tunedCopy } from "../files/testing/tuned_copy.ts";
import { goldenPath } from "../testing/goldens.ts";
import { openModelDirectory } from "./model_directory.ts";
import { requireSameBase } from "./same_base.ts";

const at = temporaryDirectory();
const GOLDEN = goldenPath("models/llama-gqa");

function copy(...parts: string[]): string {
  mkdirSync(at(...parts), { recursive: true });
  cpSync(GOLDEN, at(...parts), { recursive: true });
  return at(...parts);
}

const tuned = (name: string) => tunedCopy(GOLDEN, at("tuned"), name);
const snapshot = (repo: string) => copy("hub", `models--${repo.replace("/", "--")}`, "snapshots", "abc");
async function check(baseModel: string | undefined, used: string): Promise<string[]> {
  const warnings: string[] = [];
  const warn = (text: string) => warnings.push(text);
  await requireSameBase(baseModel, "my-adapter", await openModelDirectory(used), warn);
  return warnings;
}

test("the base by its path, a copy of it, one that is gone, and none at all are let pass", async () => {
  const base = copy("base");
  await check(base, base);
  await check(base, copy("moved"));
  await check(at("gone"), base);
  await check("models/gone", base);
  await check("Qwen/Qwen2.5-0.5B", base);
  await check(undefined, base);
});

test("a directory with other weights is refused", async () => {
  const [base, other] = [copy("base"), tuned("model.embed_tokens.weight")];
  await expect(check(base, other)).rejects.toThrow(
    `my-adapter/adapter_config.json: base_model_name_or_path is ${base}, and ${other} is another model. Use the adapter on ${base};`,
  );
});

test("of a quantized copy the rest is compared", async () => {
  const base = copy("base");
  await quantizeModel({ model: base, output: at("nf4"), quantization: { type: "nf4" } });
  await check(base, at("nf4"));
  await check(at("nf4"), base);
  await expect(check(at("nf4"), tuned("model.norm.weight"))).rejects.toThrow("is another model");
});

test("models of the hub are told by name, whatever the revision and the case", async () => {
  const used = snapshot("Qwen/Qwen2.5-0.5B");
  expect(await check("qwen/qwen2.5-0.5b@main", used)).toEqual([]);
  expect(await check(used, used)).toEqual([]);
  await expect(check("Qwen/Qwen2.5-1.5B", used)).rejects.toThrow(
    "base_model_name_or_path is Qwen/Qwen2.5-1.5B, and Qwen/Qwen2.5-0.5B is another model",
  );
  await expect(check(snapshot("Qwen/Other"), used)).rejects.toThrow("is another model");
});

test("copies of others and quantized ones pass with a warning, another size does not", async () => {
  const used = snapshot("harbour/Bay-0.5B-Instruct");
  const elsewhere = (repo: string) => `/root/hub/models--${repo.replace("/", "--")}/snapshots/0123`;
  for (const name of ["unsloth/Bay-0.5B-Instruct-bnb-4bit", "unsloth/bay-0.5b-instruct"])
    for (const written of [name, elsewhere(name)])
      expect(await check(written, used), written).toEqual([
        `my-adapter/adapter_config.json: base_model_name_or_path is ${written}, by its name another copy of harbour/Bay-0.5B-Instruct. It is used as the same model.`,
      ]);
  for (const name of ["unsloth/Bay-1.5B-Instruct-bnb-4bit", "harbour/Bay-0.5B"])
    for (const written of [name, elsewhere(name)])
      await expect(check(written, used), written).rejects.toThrow(
        `base_model_name_or_path is ${written}, and harbour/Bay-0.5B-Instruct is another model. Use the adapter on`,
      );
});
