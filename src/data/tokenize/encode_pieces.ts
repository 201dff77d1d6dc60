import { AttuneError } from "../../text/errors.ts";
import type { Encoding } from "../../tokenizers/tokenizer.ts";

/** The ids of a text that comes in pieces: those of the whole, without the whole ever being there. */
export interface PieceEncoder {
  /** What is certain by now. */
  add(piece: string): Iterable<number[]>;
  /** The rest. */
  end(): Iterable<number[]>;
}

/** UTF-16 units. */
export interface WindowSizes {
  /** Encoded at once. */
  window: number;
  /** What is encoded before and after a window's own text, as its surroundings. */
  around: number;
  /** On both sides of a cut, where two encodings have to agree. */
  agree: number;
  /** A window without a place to cut it grows up to this. */
  most: number;
}

const SIZES: WindowSizes = { window: 2 ** 17, around: 4096, agree: 512, most: 2 ** 21 };

/**
 * Encodes window by window. A window is cut between two tokens where an encoding of the surroundings alone has the same
 * tokens: what lies farther away then has no say in them. The next window begins with these surroundings, whose tokens
 * are left out.
 * @param encode of a text from its beginning (`isFirst`), or from somewhere in it.
 */
export function pieceEncoder(
  encode: (text: string, isFirst: boolean) => Encoding,
  sizes: WindowSizes = SIZES,
): PieceEncoder {
  let text = ""; // the surroundings before `from`, and what comes after
  let from = 0;
  let isFirst = true;
  let wanted = sizes.window;
  const encodeAll = (part: string) => encode(part, isFirst);
  return {
    *add(piece) {
      text += piece;
      while (text.length >= from + wanted + 2 * sizes.around) {
        const window = text.slice(0, wholeCharacters(text, from + wanted + sizes.around));
        const encoding = encodeAll(window);
        const cut = findCut(window, encoding, from, { ...sizes, encode: (part) => encode(part, false) });
        if (cut === undefined) {
          wanted *= 2;
          if (wanted > sizes.most) throw uncuttable(sizes.most);
          continue;
        }
        yield encoding.ids.slice(tokenAt(encoding, from), tokenAt(encoding, cut));
        const start = wholeCharacters(text, cut - sizes.around);
        text = text.slice(start);
        [from, isFirst, wanted] = [cut - start, false, sizes.window];
      }
    },
    *end() {
      const encoding = encodeAll(text);
      yield encoding.ids.slice(tokenAt(encoding, from));
      text = "";
    },
  };
}

interface CutOptions extends WindowSizes {
  encode: (text: string) => Encoding;
}

/** A place to cut the window, as far back as may be; undefined where there is none. */
function findCut(window: string, encoding: Encoding, from: number, options: CutOptions): number | undefined {
  const { around, agree, encode } = options;
  for (let end = window.length - around; end > from + around; end -= around) {
    const cut = lastBoundary(encoding, end);
    if (cut <= from + around) return undefined;
    const start = wholeCharacters(window, cut - around);
    const stop = wholeCharacters(window, cut + around / 2);
    const alone = encode(window.slice(start, stop));
    const there = near(encoding, 0, cut, agree);
    const here = near(alone, start, cut, agree);
    if (there.length === here.length && there.every((one, i) => one === here[i])) return cut;
  }
  return undefined;
}

/** Where the last token begins that begins at `end` or before it, and shares no character with the one before. */
function lastBoundary({ offsets }: Encoding, end: number): number {
  for (let i = firstFrom(offsets, end + 1) - 1; i > 0; i--)
    if (offsets[i - 1]![1] <= offsets[i]![0]) return offsets[i]![0];
  return 0;
}

/** Ids and places of the tokens that begin within `agree` of the cut, one after the other. */
function near({ ids, offsets }: Encoding, shift: number, cut: number, agree: number): number[] {
  const found: number[] = [];
  for (let i = firstFrom(offsets, cut - agree - shift); i < ids.length; i++) {
    const [start, end] = offsets[i]!;
    if (start + shift > cut + agree) break;
    found.push(ids[i]!, start + shift, end + shift);
  }
  return found;
}

/** Of the tokens from `place` on; a text's first token may stand for nothing in it, as a BOS. */
function tokenAt({ offsets }: Encoding, place: number): number {
  return place === 0 ? 0 : firstFrom(offsets, place);
}

/** The first token that begins at `place` or after it. */
function firstFrom(offsets: Encoding["offsets"], place: number): number {
  let [low, high] = [0, offsets.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsets[middle]![0] < place) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** `at`, or the place before it, so that no character beyond Unicode's first plane is cut in two. */
function wholeCharacters(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code < 0xe000 ? at - 1 : at;
}

const uncuttable = (most: number): AttuneError =>
  new AttuneError({
    code: "data.uncuttable-text",
    problem: `more than ${most} characters of the text have no place where their tokens could be cut`,
    wayOut: 'Break it into lines, or write JSONL, a {"text": …} a line',
  });
