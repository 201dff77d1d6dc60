/** Experts in MXFP4, as GPT-OSS is published: four bits a number, an exponent for 32 of them. */
import * as z from "zod";
import type { TensorEntry } from "../files/safetensors.ts";
import { MXFP4_BLOCK, MXFP4_VALUES, mxfp4Scale } from "../graph/ops/mxfp4.ts";
import { excerpt } from "../text/excerpt.ts";
import { parseWith } from "../text/schema_faults.ts";
import { contradiction } from "./contradiction.ts";
import type { QuantizedEntry, StackedEntry } from "./quantized_entry.ts";

type Tensors = ReadonlyMap<string, TensorEntry>;

const mxfp4Config = z.looseObject({ modules_to_not_convert: z.array(z.string()).nullish() });

const BLOCKS = "_blocks";
const SCALES = "_scales";
const PART = /^(.+\.experts\.(?:gate_up_proj|down_proj))_(blocks|scales)$/;
const HALF = MXFP4_BLOCK / 2; // bytes of a block

/**
 * `tensors` with the blocks and exponents of experts [n, out, in / 32, …] folded into one entry [n, in, out], as transformers
 * dequantizes them (integrations/mxfp4.py, convert_moe_packed_tensors).
 * @param settings config.json's quantization_config
 * @throws AttuneError when config.json and the files contradict each other, naming both.
 */
export function foldMxfp4(
  tensors: Tensors,
  settings: Record<string, unknown>,
  path: string,
): Map<string, TensorEntry> {
  const where = `${path}: config.json's quantization_config`;
  const config = parseWith(mxfp4Config, settings, { code: "quantization.config", place: where });
  const names = new Set([...tensors.keys()].flatMap((name) => PART.exec(name)?.[1] ?? []));
  if (names.size === 0)
    throw contradiction(
      where,
      "says that experts are in MXFP4, and no tensor is",
      "Take quantization_config out of config.json where the model was saved in 16 bits",
    );
  const folded = new Map([...tensors].filter(([name]) => !PART.test(name)));
  for (const name of names) {
    if (folded.has(name))
      throw contradiction(path, `${name} is there in MXFP4, and once more as ${folded.get(name)!.dtype}`);
    const skipped = config.modules_to_not_convert?.find((pattern) => means(pattern, name));
    if (skipped !== undefined)
      throw contradiction(
        where,
        `leaves ${excerpt(skipped)} out (modules_to_not_convert); ${name} is in MXFP4`,
      );
    folded.set(name, foldStack(tensors, name, path));
  }
  return folded;
}

/** Whether a module of `modules_to_not_convert`, in which * stands for any text, is the parameter's or around it. */
function means(pattern: string, parameter: string): boolean {
  const [first, ...rest] = pattern.split(/\.?\*\.?/);
  const module = parameter.replace(/\.[^.]+$/, "");
  if (rest.length === 0) return `${module}.`.startsWith(`${first}.`) || module.endsWith(`.${first}`);
  let at = module.startsWith(first!) ? first!.length : -1;
  for (const part of rest) if (at >= 0) at = endOf(module, part, at);
  return at === module.length || module[at] === ".";
}

function endOf(text: string, part: string, from: number): number {
  const found = text.indexOf(part, from);
  return found < 0 ? -1 : found + part.length;
}

function foldStack(tensors: Tensors, name: string, path: string): StackedEntry {
  const blocks = partOf(tensors, name, BLOCKS, path);
  const scales = partOf(tensors, name, SCALES, path);
  const [n, out, count, bytes] = blocks.shape as [number, number, number, number];
  if (blocks.dtype !== "U8" || blocks.shape.length !== 4 || bytes !== HALF || blocks.byteLength === 0)
    throw misshapen(blocks, `U8 [experts, out, in / ${MXFP4_BLOCK}, ${HALF}]`);
  if (scales.dtype !== "U8" || scales.shape.join() !== [n, out, count].join())
    throw misshapen(scales, `U8 [${n}, ${out}, ${count}], by ${blocks.name}`);
  const inputs = count * MXFP4_BLOCK;
  const matrices = Array.from({ length: n }, (_, i): QuantizedEntry => {
    const [own, exponents] = [ofExpert(blocks, i), ofExpert(scales, i)];
    const parts = { type: "mxfp4", scales: exponents, dtype: "BF16" } as const;
    return { ...own, name: `${name}.${i}`, shape: [out, inputs], parts };
  });
  const byteLength = blocks.byteLength + scales.byteLength;
  return { ...blocks, name, shape: [n, inputs, out], byteLength, matrices, isTurned: true };
}

/** The part of a tensor [n, ...shape] that is expert i's. */
function ofExpert(entry: TensorEntry, i: number): TensorEntry {
  const [n, ...shape] = entry.shape as [number, ...number[]];
  const byteLength = entry.byteLength / n;
  return { ...entry, name: `${entry.name}.${i}`, shape, offset: entry.offset + i * byteLength, byteLength };
}

function partOf(tensors: Tensors, name: string, end: string, path: string): TensorEntry {
  const part = tensors.get(name + end);
  if (part) return part;
  const other = end === BLOCKS ? SCALES : BLOCKS;
  throw contradiction(path, `${name}${other} is there without ${name}${end}`);
}

const misshapen = ({ file, name, dtype, shape }: TensorEntry, expected: string) =>
  contradiction(file, `${name} is ${dtype} [${shape.join(", ")}]; expected ${expected}`);

/** The values of blocks [blocks · 16] with their exponents, in float32: all of them are bfloat16's, too. */
export function unpackMxfp4(blocks: Uint8Array, exponents: Uint8Array): Float32Array {
  const values = new Float32Array(2 * blocks.length);
  for (const [block, exponent] of exponents.entries()) {
    const scale = mxfp4Scale(exponent);
    for (let i = block * HALF; i < (block + 1) * HALF; i++) {
      values[2 * i] = MXFP4_VALUES[blocks[i]! & 15]! * scale;
      values[2 * i + 1] = MXFP4_VALUES[blocks[i]! >> 4]! * scale;
    }
  }
  return values;
}
