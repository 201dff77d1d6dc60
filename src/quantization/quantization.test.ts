import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readTensor, readTensorBytes } from "../files/safetensors.ts";
import { readSafetensorsHeader } from "../files/safetensors_file.ts";
import { goldenPath } from "../testing/goldens.ts";
import { CODE_TABLES, type FourBit } from "./code_tables.ts";
import { DYNAMIC_MAP } from "./dynamic_map.ts";
import { nestScales, unnestScales } from "./nested_scales.ts";
import { BLOCK_SIZE, quantize4bit, unpack4bit } from "./quantize4bit.ts";

/** `goldens/quantization.py`: bitsandbytes' algorithm in PyTorch. All is compared bit for bit. */
const files = readdirSync(goldenPath("quantization")).filter((file) => file.endsWith(".safetensors"));

async function golden(file: string) {
  const { tensors } = await readSafetensorsHeader(goldenPath(`quantization/${file}`));
  const entry = (name: string) => tensors.get(name)!;
  return {
    floats: (name: string) => readTensor(entry(name)),
    bytes: (name: string) => readTensorBytes(entry(name)),
    state: async (name: string) => JSON.parse(Buffer.from(await readTensorBytes(entry(name))).toString()),
  };
}

describe.each(files)("%s", (file) => {
  test.each(["nf4", "fp4"] as FourBit[])("%s: codes, scales, values", async (type) => {
    const { floats, bytes, state } = await golden(file);
    const weights = await floats("weight");
    const format = { type, blockSize: BLOCK_SIZE };
    const packed = quantize4bit(weights, format);
    expect(packed.codes).toEqual(await bytes(`${type}/weight`));
    expect(packed.absmax).toEqual(await floats(`${type}/weight.absmax`));
    expect(CODE_TABLES[type]).toEqual(await floats(`${type}/weight.quant_map`));
    const values = unpack4bit(packed, weights.length, format);
    expect(values).toEqual(await floats(`${type}/value`));

    const nested = nestScales(packed.absmax);
    const where = `${type} double/weight`;
    expect(nested.codes).toEqual(await bytes(`${where}.absmax`));
    expect(nested.absmax).toEqual(await floats(`${where}.nested_absmax`));
    expect(DYNAMIC_MAP).toEqual(await floats(`${where}.nested_quant_map`));
    expect(nested.offset).toBe((await state(`${where}.quant_state.bitsandbytes__${type}`)).nested_offset);
    const expanded = unpack4bit({ ...packed, absmax: unnestScales(nested) }, weights.length, format);
    expect(expanded).toEqual(await floats(`${type} double/value`));
  });
});
