import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readTensor } from "../files/safetensors.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { openBase } from "../pretrained/base.ts";
import { openModel } from "../pretrained/open_model.ts";
import { goldenPath } from "../testing/goldens.ts";
import { extendVocabulary } from "./extend_vocabulary.ts";
import { quantizeModel } from "./quantize_model.ts";

const { learn } = JSON.parse(readFileSync(goldenPath("vocabulary/texts.json"), "utf8"));
const at = temporaryDirectory();

describe.each(["models/llama-gqa", "models/qwen2-tied", "models/llama-bf16"])("%s", (name) => {
  test("has rows for new tokens: the mean of the old ones", async () => {
    const output = at(name.replace("/", "-"));
    const report = await extendVocabulary({ model: goldenPath(name), output, texts: learn, size: 40 });
    const [before, after] = [await openModel(goldenPath(name)), await openModel(output)];
    const [old, base] = [await openBase(goldenPath(name)), await openBase(output)];
    expect(after.model.dimensions.vocabSize).toBe(report.rows);
    expect(base.tokenizer.vocabSize).toBe(report.firstId + report.added);

    const { embedding, head } = after.model.ends;
    for (const end of [`${embedding}.weight`, `${head}.weight`]) {
      const [was, is] = [before.directory.tensors.get(end), after.directory.tensors.get(end)];
      if (!was) continue;
      expect(is!.dtype).toBe(was.dtype);
      const [rows, grown] = [await readTensor(was), await readTensor(is!)];
      const width = was.shape[1]!;
      expect(grown.subarray(0, report.firstId * width)).toEqual(rows.subarray(0, report.firstId * width));
      const isText = (id: number) => !base.tokenizer.decode([id]).includes("\ufffd");
      const id = Array.from({ length: report.added }, (_, i) => report.firstId + i).find(isText)!;
      const pieces = old.tokenizer.encode(base.tokenizer.decode([id])).ids;
      const mean = Array.from({ length: width }, (_, i) =>
        pieces.reduce((sum, piece) => sum + rows[piece * width + i]! / pieces.length, 0),
      );
      const row = grown.subarray(id * width, (id + 1) * width);
      const bound = was.dtype === "BF16" ? 2 ** -8 : 1e-6;
      for (const [i, value] of row.entries()) expect(Math.abs(value - mean[i]!)).toBeLessThanOrEqual(bound);
    }
    for (const [tensor, entry] of before.directory.tensors)
      if (!tensor.startsWith(embedding) && !tensor.startsWith(head))
        expect(await readTensor(after.directory.tensors.get(tensor)!)).toEqual(await readTensor(entry));
  });
});

test("files of slow tokenizers, which know no new tokens, are left out", async () => {
  const [model, output] = [at("slow"), at("files")];
  cpSync(goldenPath("models/llama-gqa"), model, { recursive: true });
  for (const file of ["vocab.json", "merges.txt", "tokenizer.model"]) writeFileSync(join(model, file), "{}");
  await extendVocabulary({ model, output, texts: learn, size: 5 });
  expect(readdirSync(output).filter((file) => /vocab|merges|\.model$/.test(file))).toEqual([]);
});

test("a model without a tokenizer is refused", async () => {
  const options = { model: goldenPath("families/gpt2"), output: at("none"), texts: learn, size: 5 };
  await expect(extendVocabulary(options)).rejects.toMatchObject({ code: "export.no-tokenizer" });
});

test("nothing is left when there is nothing to add", async () => {
  const output = at("nothing");
  const options = { model: goldenPath("models/llama-gqa"), output, texts: ["plain"], size: 5 };
  await expect(extendVocabulary(options)).rejects.toMatchObject({ code: "tokenizers.nothing-to-add" });
  expect(existsSync(output)).toBe(false);
});

test("a quantized model is refused", async () => {
  const model = at("nf4");
  await quantizeModel({
    model: goldenPath("models/llama-gqa"),
    output: model,
    quantization: { type: "nf4", doubleQuant: true },
  });
  await expect(extendVocabulary({ model, output: at("q"), texts: learn, size: 5 })).rejects.toMatchObject({
    code: "export.quantized-model",
  });
  expect(existsSync(at("q"))).toBe(false);
});
