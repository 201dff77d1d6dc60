import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import type { TokenSequence } from "../tokenize/token_sequence.ts";

/** A stretch of tokens that are trained alike. */
export interface Segment {
  text: string;
  /** Label weight of each of its tokens; 0 is context. */
  weight: number;
  /** Special tokens: shown as they are spelled, though no user wrote them. */
  special: boolean;
  tokens: number;
}

/**
 * A sequence as text, cut where label weight or kind of token changes. The texts add up to the sequence's text; a
 * character that is spread over two segments belongs to the later one.
 */
export function segmentsOf(
  { tokens, labelWeights }: TokenSequence,
  tokenizer: Pick<Tokenizer, "bytesOf" | "isSpecial">,
): Segment[] {
  const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  const segments: Segment[] = [];
  tokens.forEach((id, i) => {
    const [weight, special] = [labelWeights[i]!, tokenizer.isSpecial(id)];
    const last = segments.at(-1);
    const goesOn = last?.weight === weight && last.special === special;
    const segment = goesOn ? last : { text: "", weight, special, tokens: 0 };
    if (!goesOn) segments.push(segment);
    segment.text += utf8.decode(tokenizer.bytesOf(id), { stream: true });
    segment.tokens++;
  });
  const rest = utf8.decode();
  if (rest !== "") segments.at(-1)!.text += rest;
  return segments;
}
