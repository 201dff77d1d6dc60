import { styleText } from "node:util";
import { describeOrigin } from "../data/example.ts";
import { type Segment, segmentsOf } from "../data/inspect/segments.ts";
import { countLabels, type TokenSequence } from "../data/tokenize/token_sequence.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { forTerminal } from "./failure.ts";
import { plural } from "./format.ts";

/** A sequence as the model sees it, what it is trained on in colour. */
export function previewText(sequence: TokenSequence, tokenizer: Tokenizer): string {
  const head = `${describeOrigin(sequence.origin)}: ${plural(sequence.tokens.length, "token")}, ${countLabels(sequence)} trained`;
  const body = segmentsOf(sequence, tokenizer).map(painted).join("");
  return `${styleText("bold", forTerminal(head))}\n${body}`;
}

export const previewLegend = (): string =>
  `${styleText("green", "trained")}  ${styleText("yellow", "trained, with another weight than 1")}  ${styleText("dim", "context")}`;

function painted({ text, weight, special }: Segment): string {
  const colour = weight === 0 ? "dim" : weight === 1 ? "green" : "yellow";
  const paint = (line: string) => styleText(colour, special ? styleText("underline", line) : line);
  // Styles end at line breaks, so that a pager shows every line in its colour.
  return forTerminal(text)
    .split("\n")
    .map((line) => (line === "" ? "" : paint(line)))
    .join("\n");
}
