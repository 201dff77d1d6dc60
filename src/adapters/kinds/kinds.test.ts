/** Every kind of adapter, whichever there are: what is asked of one here is all that a new one has to answer. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { createDecoder, openDecodingSession } from "../../generation/decoder.ts";
import { adapterFeeds, adapterSignature } from "../../generation/runtime_adapter.ts";
import { readModel } from "../../models/families.ts";
import type { Model } from "../../models/family.ts";
import { type ModelDirectory, openModelDirectory } from "../../pretrained/model_directory.ts";
import { randomUniform } from "../../random/random.ts";
import { openSession } from "../../runtime/node.ts";
import { goldenPath, maxDifference } from "../../testing/goldens.ts";
import { freshAdapter } from "../../training/fresh_adapter.ts";
import type { AdapterConfig } from "../adapter.ts";
import { adapter as adapterOfRecipes } from "../adapter_schema.ts";
import { fitAdapter } from "../fit_adapter.ts";
import { readAdapterDirectory, writeAdapterDirectory } from "../peft/adapter_directory.ts";
import { formatPeftConfig, parsePeftConfig } from "../peft/peft_config.ts";
import { peftKey } from "../settings.ts";
import { adapterSites } from "../targets/sites.ts";
import type { Kind } from "./kind.ts";
import { KINDS, kindNamed } from "./kinds.ts";

const at = temporaryDirectory();
let directory: ModelDirectory;
let model: Model;
beforeAll(async () => {
  directory = await openModelDirectory(goldenPath("models/llama-gqa"));
  model = readModel(directory.config);
});

async function logits(adapter?: Awaited<ReturnType<typeof fresh>>) {
  const options = { device: "cpu", threads: 1 } as const;
  const session = await openDecodingSession(model, directory.tensors, openSession, options, adapter);
  const result = await createDecoder(session, model.dimensions, adapter && adapterFeeds(adapter)).score([
    5, 60, 7,
  ]);
  await session.release();
  return result;
}

const configOf = (kind: Kind) => kind.schema.parse({ type: kind.type }) as unknown as AdapterConfig;

const fresh = (kind: Kind) => {
  const uniform = (purpose: string, index: number) => randomUniform(1, purpose, 0, index);
  return freshAdapter(configOf(kind), { name: "base", model, tensors: directory.tensors }, uniform);
};

describe.each([...KINDS] as Kind[])("$type", (kind) => {
  test("is found by its name, and taken by recipes", () => {
    expect(kindNamed(kind.type)).toBe(kind);
    expect(adapterOfRecipes.safeParse({ type: kind.type }).success).toBe(true);
    expect(kind.describe(configOf(kind))).toContain(kind.nameOf(configOf(kind)));
    expect(kind.learningRate).toBeGreaterThan(0);
  });

  test("each setting has a key that PEFT writes, and comes back from its file", () => {
    const { settings, file } = kind;
    for (const [name, setting] of Object.entries(settings))
      expect(Object.keys(file.defaults), name).toContain(peftKey(name, setting));
    const config = { ...configOf(kind), targetModules: ["q_proj"] };
    const read = parsePeftConfig(JSON.parse(formatPeftConfig(config, ["q_proj"], "base")), "x");
    expect(read).toEqual({ config, baseModel: "base" });
  });

  test("begins as nothing, and is the same once written and read", async () => {
    const adapter = await fresh(kind);
    expect(maxDifference(await logits(adapter), await logits())).toBeLessThan(1e-5);
    for (const [module, weights] of adapter.modules)
      for (const { part, data } of kind.tensors.of(module, weights))
        (weights as Record<string, unknown>)[part] = data.map((x, i) => x + 0.05 * Math.sin(i + 1));
    await writeAdapterDirectory(at(kind.type), adapter);
    const read = fitAdapter(await readAdapterDirectory(at(kind.type)), adapterSites(model));
    const changed = await logits(adapter);
    expect(maxDifference(changed, await logits())).toBeGreaterThan(1e-3);
    expect(maxDifference(await logits(read), changed)).toBe(0);
    expect(adapterSignature(read) === adapterSignature(adapter)).toBe(kind.signature(adapter) !== undefined);
  });

  test("is merged at each of its modules", async () => {
    const adapter = await fresh(kind);
    const { linears } = adapterSites(model);
    const changes = kind.merge(adapter, {
      linears,
      experts: new Map(),
      transposed: new Set(),
      hasBias: () => false,
    });
    expect([...changes.keys()]).toEqual([...adapter.modules.keys()].map((module) => `${module}.weight`));
  });
});

test("nothing else asks which kind an adapter is", () => {
  const src = fileURLToPath(new URL("../..", import.meta.url));
  const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter(
    (file) => /\.ts$/.test(file) && !/\.test\.ts$|testing\/|^adapters\/(kinds|lora)\//.test(file),
  );
  const names = KINDS.map(({ type }) => type).join("|");
  const asks = new RegExp(`[!=]==? "(${names})"|case "(${names})"|"(${names})" [!=]==?`);
  expect(files.filter((file) => asks.test(readFileSync(`${src}/${file}`, "utf8")))).toEqual([]);
});
