import type { TextSpan } from "../../templates/label_conversation.ts";
import type { Encoding } from "../../tokenizers/tokenizer.ts";

/** A text, its tokens, and what of it is trained how much. */
export interface LabelledText {
  text: string;
  encoding: Encoding;
  /** In the order of the text. */
  spans: WeightedSpan[];
}

/** A part of a text whose tokens are labels of this weight, but for the parts in it that have their own. */
export interface WeightedSpan extends TextSpan {
  weight: number;
  parts?: (TextSpan & { weight: number })[];
  /** Of what the model is to say after something else. */
  answer?: {
    /** Where its content ends, before what ends the turn; undefined where that is unknown. */
    contentEnd?: number;
    /** The template's own marks say where it begins. */
    isMarked?: boolean;
  };
}

/** What of an answer can't be trained, or isn't. */
export const BEGINS_BEFORE =
  "the first token of an answer isn't trained: it begins in the text before the answer";
export const NOTHING_BEFORE = "the first token of an answer isn't trained: nothing comes before it";
export const ONLY_END = "nothing of the answer is trained but its end token";

/**
 * The label weight of each token, and what of the answers is lost. A token is a label if it begins and ends inside a
 * span. The first one may begin before it, in white space alone, or wherever it is that the template's own marks tell
 * where the answer begins (as transformers' assistant mask has it). A sequence's first token is never a label: nothing
 * predicts it.
 * @param kept tokens from here on will be cut off.
 */
export function labelTokens(
  labelled: LabelledText,
  kept: number,
): { labelWeights: Float32Array; lost: string[] } {
  const { text, spans } = labelled;
  const { offsets } = labelled.encoding;
  const labelWeights = new Float32Array(offsets.length);
  const lost = new Set<string>();
  let [first, trainsContent] = [0, false];
  for (const span of spans) {
    while (first < offsets.length && offsets[first]![1] <= span.start) first++;
    const from = labelsFrom(span, offsets[first]?.[0] ?? span.start, text);
    for (let i = first; i < offsets.length && offsets[i]![0] < span.end; i++) {
      const [start, end] = offsets[i]!;
      if (end > span.end) continue;
      const weight = weightOf([Math.max(start, span.start), end], span);
      if (start >= from && i > 0) labelWeights[i] = weight;
      else if (weight > 0 && span.answer && i < kept) lost.add(start < from ? BEGINS_BEFORE : NOTHING_BEFORE);
      if (labelWeights[i]! > 0 && i < kept) trainsContent ||= start < (span.answer?.contentEnd ?? span.end);
    }
  }
  if (!trainsContent && labelWeights.subarray(0, kept).some((weight) => weight > 0)) lost.add(ONLY_END);
  return { labelWeights, lost: [...lost] };
}

/** Where the span's first label may begin, given where the token with its first character does. */
function labelsFrom(span: WeightedSpan, tokenStart: number, text: string): number {
  if (tokenStart >= span.start) return span.start;
  const isBlank = /^\p{White_Space}*$/u.test(text.slice(tokenStart, span.start));
  return isBlank || span.answer?.isMarked ? tokenStart : span.start;
}

/** One that lies in several parts takes the largest of their weights, so that what is to be trained is. */
function weightOf([start, end]: [number, number], span: WeightedSpan): number {
  const parts = span.parts?.filter((part) => start < part.end && end > part.start) ?? [];
  const covered = parts.reduce((sum, part) => sum + Math.min(end, part.end) - Math.max(start, part.start), 0);
  return Math.max(
    ...parts.map(({ weight }) => weight),
    ...(covered >= end - start && parts.length > 0 ? [] : [span.weight]),
  );
}
