import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { copyOf, readTensor, readTensorBytes, type TensorEntry } from "../files/safetensors.ts";
import { readSafetensorsHeader, writeSafetensors } from "../files/safetensors_file.ts";
import { loadModel } from "../generation/load_model.ts";
import { readModel } from "../models/families.ts";
import { modelLayout } from "../models/layout.ts";
import { openModelDirectory, saveModelDirectory } from "../pretrained/model_directory.ts";
import type { QuantizationSettings } from "../quantization/quantization_schema.ts";
import { quantizeTensors } from "../quantization/quantize_tensors.ts";
import { readWeight } from "../quantization/read_weight.ts";
import { openSession } from "../runtime/node.ts";
import { goldenPath, maxDifference } from "../testing/goldens.ts";
import { AttuneError } from "../text/errors.ts";
import { openEngine } from "../training/engine.ts";
import { adapterMethod } from "../training/method.ts";
import { quantizeModel } from "./quantize_model.ts";

let home: string;
const setUp = () => {
  home = mkdtempSync(join(tmpdir(), "attune-quantize-"));
};
const tearDown = () => rmSync(home, { recursive: true });

const MODEL = goldenPath("models/llama-gqa");
const TOKENS = Array.from({ length: 24 }, (_, t) => (t * 37) % 300);

/** The model with the values its codes stand for, in float32. */
async function dequantizedModel(quantized: string, output: string) {
  const from = await openModelDirectory(quantized);
  const { quantization_config: _, ...config } = from.config;
  const tensors = [...from.tensors.values()].map((entry) => ({
    name: entry.name,
    dtype: "F32" as const,
    shape: entry.shape,
    data: () => readWeight(entry),
  }));
  await saveModelDirectory(output, { config, tensors, from });
}

async function logitsOf(path: string): Promise<Float32Array> {
  const model = await loadModel(path, { threads: 1 });
  return model.logits(TOKENS).finally(() => model.release());
}

/** Bounds are twice what was measured: a random model of width 32 takes rounding badly. */
const kinds: [QuantizationSettings, largestChange: number][] = [
  [{ type: "nf4", doubleQuant: true }, 6],
  [{ type: "nf4", doubleQuant: false }, 6],
  [{ type: "fp4", doubleQuant: true }, 10],
  [{ type: "int8" }, 0.4],
];

describe.each(kinds)("a model in %o", (quantization, largestChange) => {
  beforeAll(async () => {
    setUp();
    await quantizeModel({ model: MODEL, output: join(home, "quantized"), quantization });
    await dequantizedModel(join(home, "quantized"), join(home, "dequantized"));
  });
  afterAll(tearDown);

  test("computes what its codes stand for, near what they were made of", async () => {
    const [logits, expected] = [
      await logitsOf(join(home, "quantized")),
      await logitsOf(join(home, "dequantized")),
    ];
    expect(maxDifference(logits, expected)).toBeLessThan(2e-5); // measured 4e-6
    const change = maxDifference(logits, await logitsOf(MODEL));
    expect(change).toBeGreaterThan(1e-3);
    expect(change).toBeLessThan(largestChange);
  });

  test("trains an adapter as over the dequantized weights", async () => {
    const results = [];
    for (const name of ["quantized", "dequantized"]) {
      const { tensors, config } = await openModelDirectory(join(home, name));
      const adapter = await readAdapterDirectory(goldenPath("training/llama-gqa-lora-all/initial"));
      const method = adapterMethod(tensors, adapter);
      const engine = await openEngine(readModel(config), method, openSession, {
        rowLength: 64,
        session: { device: "cpu", threads: 1 },
      });
      const labelWeights = Float32Array.from(TOKENS, (_, t) => +(t > 4));
      const sequence = { tokens: Int32Array.from(TOKENS), labelWeights } as Parameters<
        typeof engine.gradients
      >[0][number];
      const { loss, gradients } = await engine.gradients([sequence]);
      results.push({ loss, gradients: gradients.map((g) => g.slice()) });
      await engine.release();
    }
    const [quantized, dequantized] = results;
    expect(Math.abs(quantized!.loss / dequantized!.loss - 1)).toBeLessThan(1e-6);
    quantized!.gradients.forEach((gradient, i) => {
      const expected = dequantized!.gradients[i]!;
      const largest = expected.reduce((n, value) => Math.max(n, Math.abs(value)), 0);
      expect(maxDifference(gradient, expected) / largest, `gradient ${i}`).toBeLessThan(1e-4);
    });
  });

  test("is the same when it is quantized for a run, and the second run finds it made", async () => {
    const from = await openModelDirectory(MODEL);
    const layout = modelLayout(readModel(from.config));
    const cache = join(home, "cache");
    const told: [number, number][] = [];
    const onWeight = (...progress: [number, number]) => told.push(progress);
    const made = await quantizeTensors(from.tensors, layout, quantization, { directory: cache, onWeight });
    expect(told.map(([done]) => done)).toEqual(told.map((_, i) => i));
    expect(new Set(told.map(([, total]) => total))).toEqual(new Set([told.length]));
    const [file] = readdirSync(cache);
    const { ino } = statSync(join(cache, file!));
    const again = await quantizeTensors(from.tensors, layout, quantization, { directory: cache, onWeight });
    expect(readdirSync(cache)).toEqual([file]);
    expect(statSync(join(cache, file!)).ino).toBe(ino);
    expect(again).toEqual(made);
    const { tensors } = await openModelDirectory(join(home, "quantized"));
    expect([...made.keys()].sort()).toEqual([...tensors.keys()].sort());
    for (const [name, entry] of made)
      expect(await readWeight(entry), name).toEqual(await readWeight(tensors.get(name)!));
  });

  test("takes the bytes it says", async () => {
    const report = await quantizeModel({ model: MODEL, output: join(home, "more"), quantization });
    const { tensors } = await readSafetensorsHeader(join(home, "more", "model.safetensors"));
    expect(report.modules).toBe(21);
    const of = (pattern: RegExp) => [...tensors.values()].filter(({ name }) => pattern.test(name));
    const bytes = of(/_proj\./).reduce((n, { byteLength }) => n + byteLength, 0);
    expect(Math.abs(report.bytes - bytes)).toBeLessThan(1);
  });
});

describe("files and config.json", () => {
  beforeEach(setUp);
  afterEach(tearDown);

  /** A quantized model, its tensors and config changed. */
  async function changed(
    change: (tensors: Map<string, TensorEntry>, config: Record<string, never>) => void,
    type: QuantizationSettings["type"] = "nf4",
  ) {
    const path = join(home, "model");
    await quantizeModel({ model: MODEL, output: path, quantization: { type } });
    const { tensors } = await readSafetensorsHeader(join(path, "model.safetensors"));
    const config = JSON.parse(readFileSync(join(path, "config.json"), "utf8"));
    change(tensors, config);
    cpSync(path, join(home, "changed"), { recursive: true });
    await writeSafetensors(join(home, "changed", "model.safetensors"), [...tensors.values()].map(copyOf));
    writeFileSync(join(home, "changed", "config.json"), JSON.stringify(config));
    return openModelDirectory(join(home, "changed"));
  }
  const settings = (config: Record<string, unknown>) => config.quantization_config as Record<string, unknown>;
  const Q = "model.layers.0.self_attn.q_proj.weight";

  test.each<[string, Parameters<typeof changed>[0], RegExp]>([
    [
      "another type",
      (_, config) => {
        settings(config).bnb_4bit_quant_type = "fp4";
      },
      /says fp4 with double quantization; model.*weight in .* is nf4 with double quantization/,
    ],
    [
      "no double quantization",
      (_, config) => {
        settings(config).bnb_4bit_use_double_quant = false;
      },
      /says nf4; model.*is nf4 with double quantization/,
    ],
    [
      "no quantization",
      (_, config) => {
        delete config.quantization_config;
      },
      /belongs to a quantized weight, and config.json has no quantization_config/,
    ],
    [
      "another method",
      (_, config) => {
        settings(config).quant_method = "gptq";
      },
      /quant_method: expected bitsandbytes or mxfp4, or no quantization, got "gptq"/,
    ],
    [
      "4 and 8 bits",
      (_, config) => {
        settings(config).load_in_8bit = true;
      },
      /one of load_in_4bit and load_in_8bit; both are true/,
    ],
    [
      "8 bits",
      (_, config) => {
        Object.assign(settings(config), { load_in_4bit: false, load_in_8bit: true });
      },
      /says int8; model.*weight in .* is nf4 with double quantization/,
    ],
    [
      "a module left out",
      (_, config) => {
        settings(config).llm_int8_skip_modules = ["q_proj"];
      },
      /leaves q_proj out \(llm_int8_skip_modules\); model\.layers\.0\.self_attn\.q_proj/,
    ],
    [
      "a part missing",
      (tensors) => {
        tensors.delete(`${Q}.absmax`);
      },
      /q_proj\.weight in .* is quantized, and .*absmax is missing/,
    ],
    [
      "codes missing",
      (tensors) => {
        tensors.delete(Q);
      },
      /quant_state.* is there without .*q_proj\.weight/,
    ],
    [
      "a state missing",
      (tensors) => {
        tensors.delete(`${Q}.quant_state.bitsandbytes__nf4`);
      },
      /q_proj\.weight\.absmax is there without .*quant_state/,
    ],
    [
      "another weight's state",
      (tensors) => {
        const name = `${Q}.quant_state.bitsandbytes__nf4`;
        const other = tensors.get("model.layers.0.mlp.up_proj.weight.quant_state.bitsandbytes__nf4")!;
        tensors.set(name, { ...other, name });
      },
      /q_proj\.weight has 512 bytes; \[72,32\] in 4 bits takes 1152/,
    ],
    [
      "another table",
      (tensors) => {
        const name = `${Q}.quant_map`;
        const table = tensors.get(name)!;
        const norm = tensors.get("model.norm.weight")!;
        tensors.set(name, { ...norm, name, shape: table.shape, byteLength: table.byteLength });
      },
      /q_proj\.weight\.quant_map is not the table of nf4/,
    ],
  ])("%s: refused by name", async (_, change, says) => {
    const opening = changed(change);
    await expect(opening).rejects.toThrow(AttuneError);
    await expect(opening).rejects.toThrow(says);
  });

  test("int8 without its scales is refused by name", async () => {
    const opening = changed((tensors) => {
      tensors.delete(Q.replace("weight", "SCB"));
    }, "int8");
    await expect(opening).rejects.toThrow(/q_proj\.weight in .* is quantized, and .*q_proj\.SCB is missing/);
  });

  test("what is quantized already is not quantized again", async () => {
    const { path } = await changed(() => {});
    const again = quantizeModel({ model: path, output: join(home, "again"), quantization: { type: "nf4" } });
    await expect(again).rejects.toThrow(/q_proj\.weight: the weight is quantized already \(nf4\)/);
  });

  test("the state is written as Python writes it", async () => {
    await changed(() => {});
    const { tensors } = await readSafetensorsHeader(join(home, "model", "model.safetensors"));
    const state = await readTensorBytes(tensors.get(`${Q}.quant_state.bitsandbytes__nf4`)!);
    expect(Buffer.from(state).toString()).toMatch(
      /^\{"quant_type": "nf4", "blocksize": 64, "dtype": "float32", "shape": \[32, 32\], "nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": [\d.]+\}$/,
    );
    expect(tensors.get(Q)).toMatchObject({ dtype: "U8", shape: [512, 1] });
    expect(await readTensor(tensors.get("lm_head.weight")!)).toHaveLength(320 * 32);
  });
});
