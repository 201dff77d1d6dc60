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
const check = async (baseModel: string | undefined, used: string) =>
  requireSameBase(baseModel, "my-adapter", await openModelDirectory(used));

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
  await check("qwen/qwen2.5-0.5b@main", used);
  await check(used, used);
  await expect(check("Qwen/Qwen2.5-1.5B", used)).rejects.toThrow(
    "base_model_name_or_path is Qwen/Qwen2.5-1.5B, and Qwen/Qwen2.5-0.5B is another model",
  );
  await expect(check(snapshot("Qwen/Other"), used)).rejects.toThrow("is another model");
});
