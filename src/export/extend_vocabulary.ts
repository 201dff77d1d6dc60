import { bytesInMemory } from "../files/byte_source.ts";
import {
  copyOf,
  fillFromTensor,
  floatBytes,
  readTensor,
  sliceOf,
  type TensorEntry,
  type TensorSource,
} from "../files/safetensors.ts";
import { saveModelDirectory } from "../pretrained/model_directory.ts";
import { type OpenModel, openModel } from "../pretrained/open_model.ts";
import { isCoded } from "../quantization/quantized_entry.ts";
import { AttuneError } from "../text/errors.ts";
import { type ExtendOptions, type Extension, extendTokenizer } from "../tokenizers/extend.ts";

export interface ExtendVocabularyOptions extends ExtendOptions {
  /** Directories: the model, and where the extended one goes, which must be free or empty. */
  model: string;
  output: string;
  /** What the new tokens are for. */
  texts: readonly string[];
}

export interface ExtendVocabularyReport {
  /** New tokens, the id of the first, and the rows that the embedding has now. */
  added: number;
  firstId: number;
  rows: number;
}

/** Files of slow tokenizers, which know no new tokens. tokenizer.json is what all read who find it. */
const OUTDATED = { "vocab.json": null, "merges.txt": null, "tokenizer.model": null, "spiece.model": null };

/**
 * Writes a model whose tokenizer has more tokens, as Chinese-LLaMA-Alpaca made them: old tokens keep ids and rows; a new
 * token's rows of embedding and LM head are the mean of those of its old tokens.
 * @throws AttuneError that names the fault; nothing is left of a directory that isn't whole.
 */
export async function extendVocabulary(options: ExtendVocabularyOptions): Promise<ExtendVocabularyReport> {
  const opened = await openModel(options.model);
  const { directory: from } = opened;
  if (from.tokenizerJson === undefined)
    throw new AttuneError({
      code: "export.no-tokenizer",
      place: options.model,
      problem: "it has no tokenizer.json to extend",
      wayOut: "Copy it from the model that this one was made from",
    });
  const extension = extendTokenizer(from.tokenizerJson, from.tokenizerConfig, options.texts, options);
  const rows = Math.max(opened.model.dimensions.vocabSize, extension.firstId + extension.added.length);
  await saveModelDirectory(options.output, {
    config: { ...from.config, vocab_size: rows },
    tensors: extendedTensors(opened, extension, rows),
    from,
    files: { ...OUTDATED, "tokenizer.json": `${JSON.stringify(extension.tokenizerJson, null, 2)}\n` },
  });
  return { added: extension.added.length, firstId: extension.firstId, rows };
}

function extendedTensors(
  { directory, model }: OpenModel,
  extension: Extension,
  rows: number,
): TensorSource[] {
  const { embedding, head } = model.ends;
  const ends = new Set([`${embedding}.weight`, `${head}.weight`, `${head}.bias`]);
  return [...directory.tensors.values()].map((entry) => {
    if (isCoded(entry))
      throw new AttuneError({
        code: "export.quantized-model",
        place: directory.path,
        problem: "it is quantized, and gets no new tokens",
        wayOut: "Extend the model as it was before it was quantized",
      });
    return ends.has(entry.name) ? withRows(entry, extension, rows) : copyOf(entry);
  });
}

/** [vocabulary, width], or [vocabulary], with rows of new tokens; those in between stay, or are 0. */
function withRows(entry: TensorEntry, { added, firstId }: Extension, rows: number): TensorSource {
  const { name, dtype, shape } = entry;
  const [old = 0, width = 1] = shape;
  const rowBytes = entry.byteLength / old;
  return {
    name,
    dtype,
    shape: [rows, ...shape.slice(1)],
    async data() {
      const bytes = new Uint8Array(rows * rowBytes);
      await fillFromTensor(entry, bytes.subarray(0, entry.byteLength));
      const read = { ...entry, source: bytesInMemory(bytes), offset: 0 }; // a file isn't opened again for each row
      for (const [i, { pieces }] of added.entries())
        bytes.set(floatBytes(await meanRow(read, pieces, width), dtype), (firstId + i) * rowBytes);
      return bytes;
    },
  };
}

async function meanRow(entry: TensorEntry, ids: readonly number[], width: number): Promise<Float32Array> {
  const sum = new Float64Array(width);
  for (const id of ids)
    for (const [i, value] of (await readTensor(sliceOf(entry, id * width, width))).entries())
      sum[i]! += value;
  return Float32Array.from(sum, (value) => value / ids.length);
}
