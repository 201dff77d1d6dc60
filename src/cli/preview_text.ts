import { styleText } from "node:util";
import { describeOrigin } from "../data/example.ts";
import { type Segment, segmentsOf } from "../data/inspect/segments.ts";
import { countLabels, type TokenSequence } from "../data/tokenize/token_sequence.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { printable } from "./failure.ts";
import { plural } from "./format.ts";

/** A sequence as the model sees it, what it is trained on in colour; without colours, in brackets. */
export function previewText(sequence: TokenSequence, tokenizer: Tokenizer): string {
  const head = `${describeOrigin(sequence.origin)}: ${plural(sequence.tokens.length, "token")}, ${countLabels(sequence)} trained`;
  const segments = segmentsOf(sequence, tokenizer);
  const body = hasColours() ? segments.map(painted).join("") : bracketed(segments);
  return `${styleText("bold", printable(head))}\n${body}`;
}

export const previewLegend = (): string =>
  hasColours()
    ? `${styleText("green", "trained")}  ${styleText("yellow", "trained, with another weight than 1")}  ${styleText("dim", "context")}`
    : `${bracket("trained", 1)}  ${bracket("trained, with another weight than 1", 0.5)}  context`;

/** False with NO_COLOR, and where the output is no terminal. */
const hasColours = () => styleText("green", "x") !== "x";

function painted({ text, weight, special }: Segment): string {
  const colour = weight === 0 ? "dim" : weight === 1 ? "green" : "yellow";
  const paint = (line: string) => styleText(colour, special ? styleText("underline", line) : line);
  // Styles end at line breaks, so that a pager shows every line in its colour.
  return printable(text)
    .split("\n")
    .map((line) => (line === "" ? "" : paint(line)))
    .join("\n");
}

/** A stretch of one weight is one pair of brackets, special tokens in it or not. */
function bracketed(segments: readonly Segment[]): string {
  const stretches: { text: string; weight: number }[] = [];
  for (const { text, weight } of segments) {
    const last = stretches.at(-1);
    if (last?.weight === weight) last.text += text;
    else stretches.push({ text, weight });
  }
  return stretches.map(({ text, weight }) => bracket(printable(text), weight)).join("");
}

function bracket(text: string, weight: number): string {
  if (weight === 0) return text;
  return weight === 1 ? `⟦${text}⟧` : `⟦${Number(weight.toPrecision(4))}| ${text}⟧`;
}
