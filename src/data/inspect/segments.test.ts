import { expect, test } from "vitest";
import { segmentsOf } from "./segments.ts";

const bytes = [...new TextEncoder().encode("héy<end>")];
const tokenizer = {
  bytesOf: (id: number) => (id === 256 ? new TextEncoder().encode("<end>") : Uint8Array.of(id)),
  isSpecial: (id: number) => id === 256,
};
const origin = { file: "a", row: 1 };

test("segments add up to the text and change with weight and kind", () => {
  const tokens = Int32Array.of(...bytes.slice(0, 4), 256);
  const found = segmentsOf({ tokens, labelWeights: Float32Array.of(0, 0, 0, 1, 1), origin }, tokenizer);
  expect(found).toEqual([
    { text: "hé", weight: 0, special: false, tokens: 3 },
    { text: "y", weight: 1, special: false, tokens: 1 },
    { text: "<end>", weight: 1, special: true, tokens: 1 },
  ]);
});

test("a character over two segments belongs to the later, one that never ends is shown as such", () => {
  const tokens = Int32Array.of(...bytes.slice(0, 3), 0xc3);
  const found = segmentsOf({ tokens, labelWeights: Float32Array.of(0, 0, 1, 1), origin }, tokenizer);
  expect(found.map(({ text }) => text)).toEqual(["h", "é\uFFFD"]);
});
