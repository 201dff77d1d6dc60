/** Weights that bitsandbytes quantized, in the files of a model directory. */
import * as z from "zod";
import { TORCH_DTYPES } from "../files/dtype.ts";
import { readTensor, readTensorBytes, type TensorEntry } from "../files/safetensors.ts";
import { AttuneError } from "../text/errors.ts";
import { excerpt } from "../text/excerpt.ts";
import { parsePythonJson } from "../text/parse_python_json.ts";
import { parseWith } from "../text/schema_faults.ts";
import { rowScales, stateName } from "./bitsandbytes_tensors.ts";
import { CODE_TABLES, type FourBit } from "./code_tables.ts";
import { contradiction } from "./contradiction.ts";
import { describeQuantization, type QuantizationSettings } from "./quantization_schema.ts";
import type { Parts4bit, Parts8bit, QuantizedEntry } from "./quantized_entry.ts";

type Tensors = ReadonlyMap<string, TensorEntry>;
type BitsandbytesEntry = QuantizedEntry & { readonly parts: Parts4bit | Parts8bit };

/** What config.json says of its weights, as far as it tells how to read them. */
const quantizationConfig = z.looseObject({
  quant_method: z.string(),
  load_in_4bit: z.boolean().default(false),
  load_in_8bit: z.boolean().default(false),
  bnb_4bit_quant_type: z.string().default("fp4"), // BitsAndBytesConfig's own default
  bnb_4bit_use_double_quant: z.boolean().default(false),
  llm_int8_skip_modules: z.array(z.string()).nullish(),
});
type QuantizationConfig = z.output<typeof quantizationConfig>;

/**
 * `tensors` with the parts of each quantized weight folded into one entry of the weight's own name and shape; as they
 * are where none is quantized.
 * @throws AttuneError when config.json and the files contradict each other, naming both.
 */
export async function foldBitsandbytes(
  tensors: Map<string, TensorEntry>,
  config: Record<string, unknown>,
  path: string,
): Promise<Map<string, TensorEntry>> {
  const parts = [...tensors.keys()].filter((name) => PART.test(name));
  const settings = readSettings(config, path);
  if (!settings && parts.length === 0) return tensors;
  if (!settings)
    throw contradiction(
      path,
      `${parts[0]} belongs to a quantized weight, and config.json has no quantization_config`,
      "Fetch the model's own config.json",
    );
  const weights = [...(await fold4bit(tensors, path)), ...fold8bit(tensors, path)];
  checkSettings(settings, weights, path);
  const folded = new Map([...tensors].filter(([name]) => !PART.test(name)));
  for (const weight of weights) folded.set(weight.name, weight);
  return folded;
}

/** Tensors that are part of a quantized weight, beside its codes. */
const PART =
  /\.weight\.(absmax|quant_map|nested_absmax|nested_quant_map|quant_state\.bitsandbytes__\w+)$|\.(SCB|weight_format)$/;

function readSettings(config: Record<string, unknown>, path: string): QuantizationConfig | undefined {
  const { quantization_config: value } = config;
  if (value === undefined || value === null) return undefined;
  const where = `${path}: config.json's quantization_config`;
  const data = parseWith(quantizationConfig, value, { code: "quantization.config", place: where });
  if (data.quant_method !== "bitsandbytes")
    throw new AttuneError({
      code: "quantization.method",
      place: `${where}: quant_method`,
      expected: "bitsandbytes or mxfp4, or no quantization",
      got: excerpt(data.quant_method),
      wayOut: "Take the model as it was before it was quantized",
    });
  if (data.load_in_4bit === data.load_in_8bit)
    throw contradiction(
      where,
      `must set one of load_in_4bit and load_in_8bit; both are ${data.load_in_4bit}`,
    );
  return data;
}

function checkSettings(config: QuantizationConfig, weights: BitsandbytesEntry[], path: string): void {
  const first = weights[0];
  const where = `${path}: config.json's quantization_config`;
  if (!first)
    throw contradiction(
      where,
      "says that weights are quantized, and no tensor is",
      "To quantize a model as a run starts, remove it from config.json and set quantization in the recipe",
    );
  const said: QuantizationSettings = config.load_in_8bit
    ? { type: "int8" }
    : { type: config.bnb_4bit_quant_type as FourBit, doubleQuant: config.bnb_4bit_use_double_quant };
  for (const { name, file, parts } of weights) {
    const found: QuantizationSettings =
      parts.type === "int8"
        ? { type: "int8" }
        : { type: parts.type, doubleQuant: parts.nested !== undefined };
    if (describeQuantization(found) !== describeQuantization(said))
      throw contradiction(
        where,
        `says ${describeQuantization(said)}; ${name} in ${file} is ${describeQuantization(found)}`,
      );
    const skipped = config.llm_int8_skip_modules?.find((module) =>
      `.${name}`.includes(`.${module.replace(/\.$/, "")}.`),
    );
    if (skipped !== undefined)
      throw contradiction(
        where,
        `leaves ${skipped} out (llm_int8_skip_modules); ${name} in ${file} is ${describeQuantization(found)}`,
      );
  }
}

function fold8bit(tensors: Tensors, path: string): BitsandbytesEntry[] {
  return [...tensors.values()]
    .filter(({ dtype, name }) => dtype === "I8" && name.endsWith(".weight"))
    .map((entry) => {
      const absmax = partOf(tensors, entry, rowScales(entry.name), path);
      requireShape(absmax, "F32", [entry.shape[0]!], path);
      return { ...entry, parts: { type: "int8", absmax } };
    });
}

async function fold4bit(tensors: Tensors, path: string): Promise<BitsandbytesEntry[]> {
  const weights: BitsandbytesEntry[] = [];
  for (const state of tensors.values()) {
    const match = /^(.+\.weight)\.quant_state\.bitsandbytes__(\w+)$/.exec(state.name);
    if (match) weights.push(await foldWeight(tensors, match[1]!, state, path));
  }
  for (const { name } of tensors.values())
    if (name.endsWith(".weight.absmax") && !weights.some((weight) => name === `${weight.name}.absmax`))
      throw contradiction(path, `${name} is there without ${stateName(name.slice(0, -7), "nf4")} (or fp4)`);
  return weights;
}

/** What bitsandbytes notes beside a weight. */
const quantState = z.looseObject({
  quant_type: z.enum(["nf4", "fp4"]),
  blocksize: z.literal([16, 32, 64, 128, 256]), // what MatMulBnb4 knows
  dtype: z.enum(["float32", "float16", "bfloat16"]),
  shape: z.array(z.int().positive()).length(2),
  nested_blocksize: z.int().positive().optional(),
  nested_offset: z.number().optional(),
});
const STATE_LIMIT = 65_536; // bytes

async function foldWeight(
  tensors: Tensors,
  name: string,
  entry: TensorEntry,
  path: string,
): Promise<BitsandbytesEntry> {
  const codes = tensors.get(name);
  if (!codes) throw contradiction(path, `${entry.name} is there without ${name}`);
  const state = await readState(entry);
  const n = state.shape[0]! * state.shape[1]!;
  if (codes.byteLength !== Math.ceil(n / 2))
    throw contradiction(
      codes.file,
      `${name} has ${codes.byteLength} bytes; [${state.shape}] in 4 bits takes ${Math.ceil(n / 2)}`,
    );
  const blocks = Math.ceil(n / state.blocksize);
  const absmax = partOf(tensors, codes, `${name}.absmax`, path);
  const { quant_type: type, blocksize: blockSize } = state;
  await requireTable(partOf(tensors, codes, `${name}.quant_map`, path), type, path);
  const common = { type, blockSize, absmax, dtype: TORCH_DTYPES[state.dtype] };
  if (!tensors.has(`${name}.nested_absmax`)) {
    requireShape(absmax, "F32", [blocks], path);
    return { ...codes, shape: state.shape, parts: common };
  }
  requireShape(absmax, "U8", [blocks], path);
  const nested = nestedParts(tensors, codes, state, blocks, path);
  return { ...codes, shape: state.shape, parts: { ...common, nested } };
}

function nestedParts(
  tensors: Tensors,
  { name, file }: TensorEntry,
  { nested_blocksize: blockSize, nested_offset: offset }: z.output<typeof quantState>,
  blocks: number,
  path: string,
): Parts4bit["nested"] {
  if (blockSize === undefined || offset === undefined)
    throw contradiction(file, `the quant_state of ${name} lacks nested_blocksize or nested_offset`);
  const map = partOf(tensors, { name, file }, `${name}.nested_quant_map`, path);
  const absmax = partOf(tensors, { name, file }, `${name}.nested_absmax`, path);
  requireShape(map, "F32", [256], path);
  requireShape(absmax, "F32", [Math.ceil(blocks / blockSize)], path);
  return { blockSize, map, absmax, offset: Math.fround(offset) };
}

async function readState(entry: TensorEntry): Promise<z.output<typeof quantState>> {
  const where = `${entry.file}: ${entry.name}`;
  if (entry.byteLength > STATE_LIMIT)
    throw contradiction(where, `has ${entry.byteLength} bytes, more than ${STATE_LIMIT}`);
  let value: unknown;
  try {
    value = parsePythonJson(new TextDecoder("utf-8", { fatal: true }).decode(await readTensorBytes(entry)));
  } catch (error) {
    if (error instanceof AttuneError) throw error;
    throw contradiction(where, `not JSON: ${(error as Error).message}`);
  }
  const state = parseWith(quantState, value, { code: "quantization.state", place: where });
  if (!entry.name.endsWith(`__${state.quant_type}`))
    throw contradiction(where, `says quant_type ${state.quant_type}: its name and its text differ`);
  return state;
}

/** The runtime's products know bitsandbytes' own code tables only. */
async function requireTable(entry: TensorEntry, type: FourBit, path: string): Promise<void> {
  requireShape(entry, "F32", [16], path);
  const found = await readTensor(entry);
  const expected = CODE_TABLES[type];
  if (found.some((value, code) => Math.abs(value - expected[code]!) > 1e-6))
    throw contradiction(entry.file, `${entry.name} is not the table of ${type}, but [${found}]`);
}

function partOf(tensors: Tensors, of: { name: string; file: string }, name: string, path: string) {
  const part = tensors.get(name);
  if (part) return part;
  throw contradiction(path, `${of.name} in ${of.file} is quantized, and ${name} is missing`);
}

function requireShape(
  { file, name, dtype, shape }: TensorEntry,
  type: string,
  expected: number[],
  path: string,
) {
  if (dtype === type && shape.join() === expected.join()) return;
  throw contradiction(
    path,
    `${name} in ${file} is ${dtype} [${shape.join(", ")}]; expected ${type} [${expected.join(", ")}]`,
  );
}
