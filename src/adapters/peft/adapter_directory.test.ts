import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { copyOf, readTensor } from "../../files/safetensors.ts";
import { readSafetensorsHeader, writeSafetensors } from "../../files/safetensors_file.ts";
import { readLora } from "../../files/testing/read_lora.ts";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { AttuneError } from "../../text/errors.ts";
import { fitAdapter } from "../fit_adapter.ts";
import type { LoraAdapter } from "../kinds/lora.ts";
import type { Sites } from "../targets/sites.ts";
import { readAdapterDirectory, writeAdapterDirectory } from "./adapter_directory.ts";

const at = temporaryDirectory();
const golden = (path: string) => fileURLToPath(new URL(`../../../goldens/${path}`, import.meta.url));
const FILES = ["adapter_config.json", "adapter_model.safetensors"];

const sites = (linears: Sites["linears"]): Sites => ({
  modelType: "llama",
  linears,
  experts: new Map(),
  embedding: "model.embed_tokens",
  head: "lm_head",
  vocabSize: 320,
  hiddenSize: 32,
  tied: false,
  parameters: new Map(),
});

describe.each(["llama-gqa-lora-qv", "mistral-window-lora-qv", "llama-bf16-lora-all"])("PEFT's %s", (name) => {
  const path = golden(`training/${name}/final`);

  test("is read", async () => {
    const { config, baseModel, modules } = await readLora(path);
    expect(baseModel).toMatch(/^goldens\/models\//);
    expect(modules.size).toBeGreaterThanOrEqual(4);
    const { tensors } = await readSafetensorsHeader(`${path}/adapter_model.safetensors`);
    expect(tensors.size).toBe(2 * modules.size);
    for (const [module, { A, B, r, in: inputs, out }] of modules) {
      const [a, b] = [
        tensors.get(`base_model.model.${module}.lora_A.weight`)!,
        tensors.get(`base_model.model.${module}.lora_B.weight`)!,
      ];
      expect([a.shape, b.shape]).toEqual([
        [config.r, inputs],
        [out, r],
      ]);
      expect(A).toEqual(await readTensor(a));
      expect(B).toEqual(await readTensor(b));
    }
  });

  test("is written byte for byte", async () => {
    await writeAdapterDirectory(at("copy"), await readAdapterDirectory(path));
    expect(readdirSync(at("copy"))).toEqual(FILES);
    for (const file of FILES)
      expect(readFileSync(at("copy", file)).equals(readFileSync(`${path}/${file}`)), file).toBe(true);
  });

  test("fits its base and no other", async () => {
    const adapter = await readAdapterDirectory(path);
    const { tensors } = await readSafetensorsHeader(
      golden(`models/${adapter.baseModel!.split("/").at(-1)}/model.safetensors`),
    );
    const linear = [...tensors.values()].filter(({ name }) => name.endsWith("_proj.weight"));
    const shapes = linear.map(
      ({ name, shape }) => [name.replace(/\.weight$/, ""), { in: shape[1]!, out: shape[0]! }] as const,
    );
    fitAdapter(adapter, sites(new Map(shapes)));
    const wider = new Map(shapes.map(([module, { in: inputs, out }]) => [module, { in: inputs + 1, out }]));
    expect(() => fitAdapter(adapter, sites(wider))).toThrow(/q_proj: the model has \[/);
  });
});

const small = (targetModules: string[] | string): LoraAdapter => ({
  config: { type: "lora", r: 2, alpha: 3.5, dropout: 0.05, targetModules },
  modules: new Map(
    ["b.q_proj", "a.q_proj"].map((name, i) => [
      name,
      { A: Float32Array.of(i, 2, 3, 4, 5, 6), B: Float32Array.of(7, 8), r: 2, in: 3, out: 1 },
    ]),
  ),
});

describe("writing", () => {
  test("a round trip keeps everything", async () => {
    await writeAdapterDirectory(at("x"), small(["q_proj"]));
    const back = await readAdapterDirectory(at("x"));
    expect(back).toEqual({ ...small(["q_proj"]), baseModel: undefined });
  });

  test("all-linear is written as the modules' names", async () => {
    await writeAdapterDirectory(at("x"), small("all-linear"));
    expect((await readAdapterDirectory(at("x"))).config.targetModules).toEqual(["a.q_proj", "b.q_proj"]);
  });

  test("an earlier adapter is replaced, other files stay", async () => {
    await writeAdapterDirectory(at("x"), small(["q_proj"]));
    writeFileSync(at("x/README.md"), "mine");
    await writeAdapterDirectory(at("x"), small(".*"));
    expect((await readAdapterDirectory(at("x"))).config.targetModules).toBe(".*");
    expect(readdirSync(at("x"))).toEqual(["README.md", ...FILES]);
  });

  test("float16 and bfloat16 adapters are read", async () => {
    await writeAdapterDirectory(at("x"), small(["q_proj"]));
    const { tensors } = await readSafetensorsHeader(at("x/adapter_model.safetensors"));
    const values = new Map<string, Float32Array>();
    for (const [name, entry] of tensors) values.set(name, await readTensor(entry));
    for (const dtype of ["F16", "BF16"] as const) {
      const sources = [...tensors.values()].map((entry) => ({
        ...copyOf(entry),
        dtype,
        data: () => values.get(entry.name)!,
      }));
      await writeSafetensors(at("x/adapter_model.safetensors"), sources);
      expect((await readAdapterDirectory(at("x"))).modules).toEqual(small([]).modules);
    }
  });
});

describe("what is wrong is named", () => {
  const path = golden("training/llama-gqa-lora-qv/final");

  async function rewrite(change: (name: string) => string | undefined): Promise<void> {
    const { tensors } = await readSafetensorsHeader(`${path}/adapter_model.safetensors`);
    const sources = [...tensors.values()].flatMap((entry) => {
      const name = change(entry.name);
      return name === undefined ? [] : [{ ...copyOf(entry), name }];
    });
    await writeSafetensors(at("x/adapter_model.safetensors"), sources);
  }

  test.each<[string, () => void | Promise<void>, RegExp]>([
    [
      "no config",
      () => rmSync(at("x/adapter_config.json")),
      /not a PEFT adapter directory: adapter_config\.json missing/,
    ],
    ["no weights", () => rmSync(at("x/adapter_model.safetensors")), /adapter_model\.safetensors missing$/],
    [
      "a pickle",
      () => renameSync(at("x/adapter_model.safetensors"), at("x/adapter_model.bin")),
      /adapter_model\.bin is a pickle, which can run code and is not read: load it with PEFT/,
    ],
    [
      "config that is no JSON",
      () => writeFileSync(at("x/adapter_config.json"), "{"),
      /adapter_config\.json: not valid JSON/,
    ],
    [
      "config that is a list",
      () => writeFileSync(at("x/adapter_config.json"), "[]"),
      /expected a JSON object, got a list/,
    ],
    [
      "a missing half",
      () => rewrite((name) => (name.includes("0.self_attn.q_proj.lora_B") ? undefined : name)),
      /0\.self_attn\.q_proj\.lora_B\.weight is missing/,
    ],
    [
      "foreign tensors",
      () => rewrite((name) => name.replace("v_proj.lora_A.weight", "v_proj.magnitude")),
      /lora_A\.weight is missing[\s\S]*0\.self_attn\.v_proj\.magnitude: no tensor[\s\S]*2\.self_attn\.v_proj\.magnitude/,
    ],
    [
      "damaged weights",
      () => writeFileSync(at("x/adapter_model.safetensors"), "????????"),
      /adapter_model\.safetensors: its header claims/,
    ],
  ])("%s", async (_, damage, message) => {
    cpSync(path, at("x"), { recursive: true });
    await damage();
    await expect(readAdapterDirectory(at("x"))).rejects.toThrow(AttuneError);
    await expect(readAdapterDirectory(at("x"))).rejects.toThrow(message);
    await expect(readAdapterDirectory(at("x"))).rejects.toThrow(at("x"));
  });

  test("integer tensors", async () => {
    await writeAdapterDirectory(at("x"), small(["q_proj"]));
    const { tensors } = await readSafetensorsHeader(at("x/adapter_model.safetensors"));
    await writeSafetensors(
      at("x/adapter_model.safetensors"),
      [...tensors.values()].map((entry) => ({ ...copyOf(entry), dtype: "I32" as const })),
    );
    await expect(readAdapterDirectory(at("x"))).rejects.toThrow(/expected F32, F16, BF16 or F64, got I32/);
  });

  test("no such directory", async () => {
    await expect(readAdapterDirectory(at("none"))).rejects.toThrow(/Cannot read .*none: there is no such/);
  });
});
