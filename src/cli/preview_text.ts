import { styleText } from "node:util";
import { describeOrigin } from "../data/example.ts";
import { type Segment, segmentsOf } from "../data/inspect/segments.ts";
import { countLabels, type TokenSequence } from "../data/tokenize/token_sequence.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { printable } from "./failure.ts";
import { plural } from "./format.ts";

/** A sequence as the model sees it, what it is trained on in colour; in brackets where the output has no colours. */
export function previewText(sequence: TokenSequence, tokenizer: Tokenizer): string {
  const head = `${describeOrigin(sequence.origin)}: ${plural(sequence.tokens.length, "token")}, ${countLabels(sequence)} trained`;
  const segments = segmentsOf(sequence, tokenizer);
  const body = hasColours() ? segments.map(painted).join("") : bracketed(segments);
  return `${styleText("bold", printable(head))}\n${body}`;
}

export function previewLegend(): string {
  const [trained, weighted] = ["trained", "trained, with another weight than 1"];
  return hasColours()
    ? `${styleText("green", trained)}  ${styleText("yellow", weighted)}  ${styleText("dim", "context")}`
    : `${inBrackets(1, trained)}  ${inBrackets(2, weighted)}  context`;
}

/** A pipe, NO_COLOR and the like have none. */
const hasColours = () => styleText("green", "") !== "";

function painted({ text, weight, special }: Segment): string {
  const colour = weight === 0 ? "dim" : weight === 1 ? "green" : "yellow";
  const paint = (line: string) => styleText(colour, special ? styleText("underline", line) : line);
  // Styles end at line breaks, so that a pager shows every line in its colour.
  return printable(text)
    .split("\n")
    .map((line) => (line === "" ? "" : paint(line)))
    .join("\n");
}

/** One pair of brackets around what is trained alike, special tokens among it. */
function bracketed(segments: readonly Segment[]): string {
  const parts: { text: string; weight: number }[] = [];
  for (const { text, weight } of segments) {
    const last = parts.at(-1);
    if (last?.weight === weight) last.text += text;
    else parts.push({ text, weight });
  }
  return parts.map(({ text, weight }) => inBrackets(weight, printable(text))).join("");
}

const inBrackets = (weight: number, text: string): string =>
  weight === 0 ? text : weight === 1 ? `⟦${text}⟧` : `⟪${text}⟫`;
