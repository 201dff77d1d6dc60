import type { TensorEntry, TensorSource } from "../files/safetensors.ts";
import { readSafetensorsHeader } from "../files/safetensors_file.ts";
import { ROW_BLOCK } from "../graph/ops/block_matmul.ts";
import { allFinite } from "../math/all_finite.ts";
import { transposed } from "../math/transposed.ts";
import { AttuneError } from "../text/errors.ts";
import type { BlockEntry } from "./block_entry.ts";
import { codesFile, type QuantizeTensorsOptions } from "./codes_file.ts";
import { type PackedBlocks, quantizeBlocks } from "./quantize_blocks.ts";
import { isQuantized } from "./quantized_entry.ts";
import { readWeight } from "./read_weight.ts";

/** A weight that can be kept in blocks. */
export interface BlockCandidate {
  readonly entry: TensorEntry;
  /** What the codes go by. */
  readonly name: string;
  readonly out: number;
  readonly inputs: number;
  /** The checkpoint keeps it as [in, out]. */
  readonly isTurned: boolean;
}

/**
 * Those of `weights` whose rows divide into blocks, in blocks, by their names. Codes are kept in the user's cache.
 * @throws AttuneError that names a weight with numbers that are not finite, or the file at fault.
 */
export async function blockTensors(
  weights: readonly BlockCandidate[],
  bits: 4 | 8,
  options: QuantizeTensorsOptions = {},
): Promise<Map<string, BlockEntry>> {
  const fitting = weights.filter(({ inputs }) => inputs % ROW_BLOCK === 0);
  const entries = fitting.map(({ entry }) => entry);
  const file = await codesFile(
    entries,
    ["blocks", bits, ...fitting.map(({ name }) => name)],
    options,
    async () =>
      fitting.flatMap((weight, i) => sourcesOf(weight, bits, () => options.onWeight?.(i, fitting.length))),
  );
  const { tensors } = await readSafetensorsHeader(file);
  return new Map(
    fitting.map(({ name, out, inputs }) => {
      const scales = tensors.get(scalesOf(name))!;
      return [name, { ...tensors.get(name)!, shape: [out, inputs], blocks: { bits, scales } }];
    }),
  );
}

const scalesOf = (name: string) => `${name}.scales`;

/** Tensors lie in the order of their types: a weight's scales wait for the codes of all, so they are kept, which are few. */
function sourcesOf(weight: BlockCandidate, bits: 4 | 8, onRead: () => void): TensorSource[] {
  const { name, out, inputs } = weight;
  const blocks = inputs / ROW_BLOCK;
  let scales: Float32Array | undefined;
  const pack = async (): Promise<PackedBlocks> => {
    onRead();
    const packed = quantizeBlocks(await valuesOf(weight), bits);
    if (!allFinite(packed.scales)) throw notFinite(weight.entry);
    scales = packed.scales;
    return packed;
  };
  return [
    { name, dtype: "U8", shape: [out, blocks, 4 * bits], data: async () => (await pack()).codes },
    {
      name: scalesOf(name),
      dtype: "F32",
      shape: [out * blocks],
      data: async () => scales ?? (await pack()).scales,
    },
  ];
}

/** [out, in], row-major. */
async function valuesOf({ entry, out, inputs, isTurned }: BlockCandidate): Promise<Float32Array> {
  const values = await readWeight(entry, false);
  return isTurned && !isQuantized(entry) ? transposed(values, inputs, out) : values;
}

const notFinite = ({ file, name }: TensorEntry) =>
  new AttuneError({
    code: "quantization.not-finite",
    place: file,
    problem: `${name} holds values that are no finite numbers: it can't be quantized`,
  });
