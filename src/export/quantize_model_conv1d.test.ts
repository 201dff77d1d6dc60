/** GPT-2's Conv1D keeps weights as [in, out]; quantized, as transformers does it, their codes lie over [out, in]. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LoraAdapter } from "../adapters/kinds/lora.ts";
import { readAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { copyOf, readTensor, type TensorSource } from "../files/safetensors.ts";
import { readSafetensorsHeader, writeSafetensors } from "../files/safetensors_file.ts";
import { createDecoder, openDecodingSession } from "../generation/decoder.ts";
import { adapterFeeds } from "../generation/runtime_adapter.ts";
import { checkTensors } from "../models/check_tensors.ts";
import { readModel } from "../models/families.ts";
import { frozenParameters } from "../models/frozen.ts";
import { rowPass } from "../models/row_pass.ts";
import { createScope } from "../models/scope.ts";
import {
  type ModelDirectory,
  openModelDirectory,
  saveModelDirectory,
} from "../pretrained/model_directory.ts";
import type { QuantizationSettings } from "../quantization/quantization_schema.ts";
import { isQuantized } from "../quantization/quantized_entry.ts";
import { readWeight } from "../quantization/read_weight.ts";
import { openSession } from "../runtime/node.ts";
import { goldenPath, maxDifference } from "../testing/goldens.ts";
import { AttuneError } from "../text/errors.ts";
import { openEngine } from "../training/engine.ts";
import { freshAdapter } from "../training/fresh_adapter.ts";
import { adapterMethod } from "../training/method.ts";
import { quantizeModel } from "./quantize_model.ts";

const MODEL = goldenPath("families/gpt2");
const ADAPTER = `${MODEL}/initial`;
const TOKENS = Array.from({ length: 24 }, (_, t) => (t * 37) % 300);
const C_ATTN = "transformer.h.0.attn.c_attn"; // [24, 72]
const SQUARE = "transformer.h.1.attn.c_proj"; // [24, 24]: its shape doesn't tell how it lies
const session = { device: "cpu", threads: 1 } as const;

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "attune-conv1d-"));
});
afterAll(() => rmSync(home, { recursive: true }));

/** A matrix [rows, columns] as [columns, rows], not by what is tested. */
const turned = (values: Float32Array, columns: number): Float32Array => {
  const rows = values.length / columns;
  return values.map((_, at) => values[(at % rows) * columns + Math.floor(at / rows)]!);
};

/** |a - b| / |b|. */
function relativeError(a: Float32Array, b: Float32Array): number {
  const square = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0);
  return Math.sqrt(square(a.map((value, i) => value - b[i]!)) / square(b));
}

/** The model with the values its codes stand for, in float32, each as GPT-2's files keep it. */
async function writeDequantized(from: ModelDirectory, output: string): Promise<void> {
  const { quantization_config: _, ...config } = from.config;
  const tensors = [...from.tensors.values()].map((entry): TensorSource => {
    const { name, shape } = entry;
    const kept = isQuantized(entry) ? shape.toReversed() : shape;
    const data = async () =>
      isQuantized(entry) ? turned(await readWeight(entry), shape[1]!) : readTensor(entry);
    return { name, dtype: "F32", shape: kept, data };
  });
  await saveModelDirectory(output, { config, tensors, from });
}

async function logitsOf(path: string, adapterPath?: string): Promise<Float32Array> {
  const { config, tensors } = await openModelDirectory(path);
  const model = readModel(config);
  const adapter = adapterPath === undefined ? undefined : await readAdapterDirectory(adapterPath);
  const decoding = await openDecodingSession(model, tensors, openSession, session, adapter);
  const decoder = createDecoder(decoding, model.dimensions, adapter && adapterFeeds(adapter));
  return decoder.score(TOKENS).finally(() => decoding.release());
}

async function gradientsOf(path: string, adapterPath: string) {
  const { tensors, config } = await openModelDirectory(path);
  const method = adapterMethod(tensors, await readAdapterDirectory(adapterPath));
  const engine = await openEngine(readModel(config), method, openSession, { rowLength: 64, session });
  const labelWeights = Float32Array.from(TOKENS, (_, t) => +(t > 4));
  const origin = { file: "tokens", row: 0 };
  const sequence = { tokens: Int32Array.from(TOKENS), labelWeights, origin };
  const { loss, gradients } = await engine.gradients([sequence]);
  const kept = gradients.map((gradient) => gradient.slice());
  await engine.release();
  return { loss, gradients: kept };
}

/** How far codes are from what they were made of, at most. Measured: 0.092, 0.124, 0.0051. */
const kinds: [QuantizationSettings, largestError: number][] = [
  [{ type: "nf4", doubleQuant: true }, 0.2],
  [{ type: "fp4", doubleQuant: false }, 0.25],
  [{ type: "int8" }, 0.01],
];

describe.each(kinds)("GPT-2 in %o", (quantization, largestError) => {
  const at = (name: string) => join(home, `${quantization.type}-${name}`);
  beforeAll(async () => {
    await quantizeModel({ model: MODEL, output: at("quantized"), quantization });
    await writeDequantized(await openModelDirectory(at("quantized")), at("dequantized"));
  });

  test("codes lie over [out, in], and readers get either", async () => {
    const [base, own] = [await openModelDirectory(MODEL), await openModelDirectory(at("quantized"))];
    expect(base.tensors.get(`${C_ATTN}.weight`)!.shape).toEqual([24, 72]);
    expect(own.tensors.get(`${C_ATTN}.weight`)!.shape).toEqual([72, 24]);
    for (const module of [C_ATTN, SQUARE]) {
      const [from, entry] = [base.tensors.get(`${module}.weight`)!, own.tensors.get(`${module}.weight`)!];
      const W = await readTensor(from); // [in, out]
      const outputs = from.shape[1]!;
      expect(relativeError(await readWeight(entry), turned(W, outputs))).toBeLessThan(largestError);
      expect(relativeError(await readWeight(entry, true), W)).toBeLessThan(largestError);
      expect(relativeError(await readWeight(entry), W)).toBeGreaterThan(1); // the square one, too
    }
  });

  test("linear layers multiply by the codes themselves, and tell adapters they lie as [out, in]", async () => {
    const { config, tensors } = await openModelDirectory(at("quantized"));
    const seen = new Map<string, [product: string, transposed: boolean]>();
    const scope = createScope(frozenParameters(tensors), {
      linear(module, _, y, { transposed }) {
        seen.set(module, [y.op.name, transposed]);
        return y;
      },
    });
    readModel(config).decode(scope, rowPass());
    const product = quantization.type === "int8" ? "matmul" : "quantizedMatmul";
    expect([...seen.values()]).toEqual(Array(8).fill([product, false]));
  });

  test("computes what its codes stand for", async () => {
    const logits = await logitsOf(at("quantized"));
    expect(maxDifference(logits, await logitsOf(at("dequantized")))).toBeLessThan(2e-5); // measured 0
    expect(maxDifference(logits, await logitsOf(MODEL))).toBeGreaterThan(1e-3);
  });

  test.each([true, false])("a PEFT adapter with fan_in_fan_out %s means the same", async (fanInFanOut) => {
    // Over Conv1D PEFT writes true, over bitsandbytes' layer in its place false.
    const adapter = at(`adapter-${fanInFanOut}`);
    cpSync(ADAPTER, adapter, { recursive: true });
    const file = join(adapter, "adapter_config.json");
    const config = JSON.parse(readFileSync(file, "utf8"));
    writeFileSync(file, JSON.stringify({ ...config, fan_in_fan_out: fanInFanOut }));
    const logits = await logitsOf(at("quantized"), adapter);
    expect(maxDifference(logits, await logitsOf(at("dequantized"), ADAPTER))).toBeLessThan(2e-5);
    expect(maxDifference(logits, await logitsOf(at("quantized")))).toBeGreaterThan(1e-1);
  });

  test.each([
    ["LoRA", ADAPTER],
    ["DoRA", goldenPath("adapters/gpt2-dora/final")],
  ])("%s's gradients are those over the dequantized weights", async (_, adapter) => {
    const [own, expected] = [
      await gradientsOf(at("quantized"), adapter),
      await gradientsOf(at("dequantized"), adapter),
    ];
    expect(Math.abs(own.loss / expected.loss - 1)).toBeLessThan(1e-6);
    for (const [i, gradient] of own.gradients.entries()) {
      const largest = expected.gradients[i]!.reduce((n, value) => Math.max(n, Math.abs(value)), 0);
      expect(maxDifference(gradient, expected.gradients[i]!) / largest, `gradient ${i}`).toBeLessThan(1e-4);
    }
  });

  test.each([
    ["DoRA", { useDora: true }],
    ["PiSSA", { initLoraWeights: "pissa" }],
  ] as const)("%s begins as over the dequantized weights", async (_, settings) => {
    const [own, expected] = await Promise.all(
      ["quantized", "dequantized"].map(async (name) => {
        const { config, tensors } = await openModelDirectory(at(name));
        const lora = { type: "lora", r: 4, alpha: 8, dropout: 0, targetModules: "all-linear" } as const;
        const base = { name, model: readModel(config), tensors };
        return (await freshAdapter({ ...lora, ...settings }, base, () => 0.25)) as LoraAdapter;
      }),
    );
    for (const [module, { A, B, magnitude = [] }] of expected!.modules) {
      const found = own!.modules.get(module)!;
      expect(maxDifference(found.A, A), module).toBeLessThan(1e-5);
      expect(maxDifference(found.B, B), module).toBeLessThan(1e-5);
      expect(maxDifference(found.magnitude ?? [], magnitude), module).toBeLessThan(1e-5);
    }
  });

  test("opens without the root in its tensors' names, too", async () => {
    cpSync(at("quantized"), at("rootless"), { recursive: true });
    const { tensors } = await readSafetensorsHeader(join(at("quantized"), "model.safetensors"));
    const rootless = [...tensors.values()].map((entry) => ({
      ...copyOf(entry),
      name: entry.name.replace("transformer.", ""),
    }));
    await writeSafetensors(join(at("rootless"), "model.safetensors"), rootless);
    expect(await logitsOf(at("rootless"))).toEqual(await logitsOf(at("quantized")));
  });
});

describe("codes over [in, out] are refused by name", () => {
  /** The tensors of a quantized GPT-2, changed, and checked as a model is when it is opened. */
  async function opening(
    quantization: QuantizationSettings,
    change: (sources: Map<string, TensorSource>) => void,
  ) {
    const [from, path] = [mkdtempSync(join(home, "from-")), mkdtempSync(join(home, "changed-"))];
    await quantizeModel({ model: MODEL, output: from, quantization });
    const { tensors } = await readSafetensorsHeader(join(from, "model.safetensors"));
    const sources = new Map([...tensors].map(([name, entry]) => [name, copyOf(entry)]));
    change(sources);
    cpSync(join(from, "config.json"), join(path, "config.json"));
    await writeSafetensors(join(path, "model.safetensors"), [...sources.values()]);
    const { config, tensors: folded } = await openModelDirectory(path);
    checkTensors(readModel(config), folded, path);
  }
  const weight = `${C_ATTN}.weight`;

  test("a 4-bit state", async () => {
    const opened = opening({ type: "nf4" }, (sources) => {
      const name = `${weight}.quant_state.bitsandbytes__nf4`;
      const state = sources.get(name)!;
      const data = async () => {
        const text = Buffer.from((await state.data()) as Uint8Array).toString();
        return new TextEncoder().encode(text.replace("[72, 24]", "[24, 72]"));
      };
      sources.set(name, { ...state, data });
    });
    await expect(opened).rejects.toThrow(AttuneError);
    await expect(opened).rejects.toThrow(
      /h\.0\.attn\.c_attn\.weight: expected \[72, 24\], by config\.json, got \[24, 72\] in .*model\.safetensors/,
    );
  });

  test("int8 weights", async () => {
    const lie = (sources: Map<string, TensorSource>) =>
      sources.set(weight, { ...sources.get(weight)!, shape: [24, 72] });
    await expect(opening({ type: "int8" }, lie)).rejects.toThrow(
      /h\.0\.attn\.c_attn\.SCB in .* is F32 \[72\]; expected F32 \[24\]/,
    );
    const scales = new Float32Array(24).fill(1);
    const consistently = (sources: Map<string, TensorSource>) =>
      lie(sources).set(`${C_ATTN}.SCB`, {
        name: `${C_ATTN}.SCB`,
        dtype: "F32",
        shape: [24],
        data: () => scales,
      });
    await expect(opening({ type: "int8" }, consistently)).rejects.toThrow(
      /h\.0\.attn\.c_attn\.weight: expected \[72, 24\], by config\.json, got \[24, 72\] in .*/,
    );
  });
});
