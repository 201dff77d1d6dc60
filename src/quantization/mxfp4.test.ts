import { describe, expect, test } from "vitest";
import { readTensor, readTensorBytes, type TensorEntry } from "../files/safetensors.ts";
import { readSafetensorsHeader } from "../files/safetensors_file.ts";
import { mxfp4Matrix } from "../graph/ops/mxfp4.ts";
import { weight } from "../graph/sources.ts";
import { compile } from "../testing/evaluate.ts";
import { goldenPath } from "../testing/goldens.ts";
import { AttuneError } from "../text/errors.ts";
import { foldMxfp4, unpackMxfp4 } from "./mxfp4.ts";
import { readWeight } from "./read_weight.ts";

const own = async () => (await readSafetensorsHeader(goldenPath("mxfp4/model.safetensors"))).tensors;
const { tensors: golden } = await readSafetensorsHeader(goldenPath("mxfp4/dequantized.safetensors"));
const DOWN = "model.layers.1.mlp.experts.down_proj";

test("experts are what transformers' convert_moe_packed_tensors makes of them, to the bit", async () => {
  const folded = foldMxfp4(await own(), {}, "model");
  const names = [...folded.keys()].filter((name) => /experts\.(gate_up|down)_proj$/.test(name));
  expect(names).toHaveLength(4);
  for (const name of names) {
    expect(folded.get(name)!.shape).toEqual(golden.get(name)!.shape);
    expect(await readWeight(folded.get(name)!)).toEqual(await readTensor(golden.get(name)!));
  }
});

test("every code under every exponent, here and in a graph", async () => {
  const [blocks, exponents] = [golden.get("extremes.blocks")!, golden.get("extremes.scales")!];
  const expected = await readTensor(golden.get("extremes")!); // [1, 32, 255]
  const codes = [await readTensorBytes(blocks), await readTensorBytes(exponents)] as const;
  const turned = (values: ArrayLike<number>) =>
    Float32Array.from({ length: 32 * 255 }, (_, i) => values[(i % 255) * 32 + Math.floor(i / 255)]!);
  expect(turned(unpackMxfp4(...codes))).toEqual(expected);
  const of = (name: string, bytes: Uint8Array, shape: number[]) =>
    weight(name, { dtype: "uint8", shape }, { bytes });
  const matrix = mxfp4Matrix(of("blocks", codes[0], [255, 1, 16]), of("scales", codes[1], [255, 1]));
  const compiled = await compile({ matrix });
  const made = turned((await compiled.run({})).matrix!.data);
  const isNormal = (value: number) => Math.abs(value) >= 2 ** -124; // the runtime takes a scale of 2 ** -127 for zero
  expect(made.map((value, i) => (isNormal(expected[i]!) ? value : 0))).toEqual(
    expected.map((value) => (isNormal(value) ? value : 0)),
  );
  await compiled.release();
});

describe("files that contradict themselves are refused by name", () => {
  const change = (name: string, to: Partial<TensorEntry>) => (tensors: Map<string, TensorEntry>) =>
    tensors.set(name, { ...tensors.get(name)!, ...to });
  const cases: [string, (tensors: Map<string, TensorEntry>) => unknown, RegExp, object?][] = [
    [
      "no exponents",
      (t) => t.delete(`${DOWN}_scales`),
      /down_proj_blocks is there without .*down_proj_scales/,
    ],
    ["no blocks", (t) => t.delete(`${DOWN}_blocks`), /down_proj_scales is there without .*down_proj_blocks/],
    ["another type", change(`${DOWN}_blocks`, { dtype: "I8" }), /down_proj_blocks is I8 .*expected U8/],
    [
      "another rank",
      change(`${DOWN}_blocks`, { shape: [4, 32, 32] }),
      /\[4, 32, 32\]; expected U8 \[experts, out,/,
    ],
    [
      "blocks of 15",
      change(`${DOWN}_blocks`, { shape: [4, 32, 2, 15] }),
      /expected U8 \[experts, out, in \/ 32, 16\]/,
    ],
    ["none", change(`${DOWN}_blocks`, { shape: [0, 32, 2, 16], byteLength: 0 }), /expected U8/],
    [
      "other exponents",
      change(`${DOWN}_scales`, { shape: [4, 2, 32] }),
      /down_proj_scales is U8 \[4, 2, 32\]; expected U8 \[4, 32, 2\]/,
    ],
    ["twice", (t) => t.set(DOWN, golden.get(DOWN)!), /down_proj is there in MXFP4, and once more as BF16/],
    [
      "left out",
      () => {},
      /leaves "model\.layers\.\*\.mlp\.experts" out/,
      { modules_to_not_convert: ["model.layers.*.mlp.experts"] },
    ],
    [
      "left out by its end",
      () => {},
      /leaves "experts" out/,
      { modules_to_not_convert: ["lm_head", "experts"] },
    ],
    ["no list", () => {}, /modules_to_not_convert/, { modules_to_not_convert: "experts" }],
    [
      "nothing in MXFP4",
      (t) => [...t.keys()].filter((name) => /_(blocks|scales)$/.test(name)).map((name) => t.delete(name)),
      /says that experts are in MXFP4, and no tensor is/,
    ],
  ];
  test.each(cases)("%s", async (_, damage, message, settings = {}) => {
    const tensors = new Map(await own());
    damage(tensors);
    expect(() => foldMxfp4(tensors, { ...settings }, "model")).toThrow(AttuneError);
    expect(() => foldMxfp4(tensors, { ...settings }, "model")).toThrow(message);
  });

  test("what GPT-OSS itself leaves out is no contradiction", async () => {
    const skipped = [
      "model.layers.*.self_attn",
      "model.layers.*.mlp.router",
      "model.embed_tokens",
      "lm_head",
    ];
    expect(foldMxfp4(await own(), { modules_to_not_convert: skipped }, "model").has(DOWN)).toBe(true);
  });
});
