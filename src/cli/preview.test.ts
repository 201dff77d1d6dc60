import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { previewPage } from "./preview_page.ts";
import { previewText } from "./preview_text.ts";

const tokenizer = {
  bytesOf: (id: number) => (id === 1 ? new TextEncoder().encode("<|end|>") : Uint8Array.of(id)),
  isSpecial: (id: number) => id === 1,
} as unknown as Tokenizer;

function sequence(context: string, answer: string) {
  const ids = (text: string) => [...new TextEncoder().encode(text)];
  const [before, after] = [ids(context), [...ids(answer), 1]];
  return {
    tokens: Int32Array.of(...before, ...after),
    labelWeights: Float32Array.of(...before.map(() => 0), ...after.map(() => 1)),
    origin: { file: "a.json", row: 3 },
  };
}

test("on a terminal: the text, and nothing of it that steers the terminal", () => {
  const text = previewText(sequence("say\n\x1b[2Jhi: ", "hi"), tokenizer);
  expect(text).not.toContain("\x1b[2J");
  const plain = stripVTControlCharacters(text);
  expect(plain).toContain("a.json row 3: 15 tokens, 3 trained");
  expect(plain.replace("\uFFFD", "")).toContain("say\nhi: hi<|end|>");
});

test("as a page: text is text, whatever it holds", () => {
  const page = previewPage("p", [sequence("<script>alert(1)</script>&", 'x"')], tokenizer);
  expect(page).not.toContain("<script>");
  expect(page).toContain(
    '<span class="context" title="26 tokens, weight 0">&lt;script&gt;alert(1)&lt;/script&gt;&amp;</span>',
  );
  expect(page).toContain('<span class="trained" title="2 tokens, weight 1">x&quot;</span>');
  expect(page).toContain('<span class="trained special" title="1 token, weight 1">&lt;|end|&gt;</span>');
});
