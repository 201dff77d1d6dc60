import { AttuneError } from "../text/errors.ts";
import type { Matcher } from "./patterns/matcher.ts";

/** Cuts a text where a pattern says so, and calls `emit` with the span of each part that stays, in order. */
export type Splitter = (text: string, emit: (from: number, to: number) => void) => void;

/**
 * What becomes of the matches of a Split: tokenizers' SplitDelimiterBehavior, in the spelling of tokenizer.json or of
 * its Python interface. With `invert`, what lies between matches is taken for them, and they for what lies between.
 */
export function splitText(match: Matcher, behavior: string, invert: boolean): Splitter {
  const name = behavior.toLowerCase().replaceAll("_", "");
  const joins = Object.hasOwn(JOINS, name) ? JOINS[name] : undefined;
  if (!joins)
    throw new AttuneError({
      code: "tokenizers.unsupported-split",
      place: "tokenizer.json: pre_tokenizer",
      expected:
        "a Split's behavior to be Isolated, Removed, MergedWithPrevious, MergedWithNext or Contiguous",
      got: behavior,
    });
  return (text, emit) => {
    const stays = (matched: boolean | undefined) => name !== "removed" || !matched;
    let [begin, end] = [0, 0];
    let last: boolean | undefined; // whether the part before was a match
    const add = (to: number, matched: boolean) => {
      if (last !== undefined && !joins(last, matched)) {
        if (begin < end && stays(last)) emit(begin, end);
        begin = end;
      }
      end = to;
      last = matched;
    };
    match(text, (from, to) => {
      if (from > end) add(from, invert);
      add(to, !invert);
    });
    if (end < text.length) add(text.length, invert);
    if (begin < end && stays(last)) emit(begin, end);
  };
}

/** Whether a part is joined to the one before it, by whether each is a match. */
const JOINS: Record<string, ((last: boolean, matched: boolean) => boolean) | undefined> = {
  isolated: () => false,
  removed: () => false,
  contiguous: (last, matched) => last === matched,
  mergedwithprevious: (last, matched) => !last && matched,
  mergedwithnext: (last, matched) => last && !matched,
};
