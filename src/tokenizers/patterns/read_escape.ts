import { type CharSet, complement, range } from "./char_set.ts";
import {
  ANY,
  DIGIT,
  HEX_DIGIT,
  NEW_LINE,
  propertySet,
  WHITE_SPACE,
  WORD,
  WORD_IN_CLASS,
} from "./named_sets.ts";
import type { PatternReader } from "./pattern_reader.ts";

/** What stands behind a backslash: a character, or a set of them. */
export type Escape = { char: number } | { set: CharSet };

const CONTROLS: Record<string, number | undefined> = { t: 9, n: 10, v: 11, f: 12, r: 13, a: 7, e: 27 };

/** Reads what a class and the rest of a pattern have in common; the backslash is read. Undefined if it is another escape. */
export function readEscape(reader: PatternReader, inClass: boolean): Escape | undefined {
  const letter = reader.peek();
  if (letter === "") return reader.refuse("it ends in a backslash");
  const control = Object.hasOwn(CONTROLS, letter) ? CONTROLS[letter] : undefined;
  const set = control === undefined ? shorthand(letter, inClass) : undefined;
  if (control !== undefined || set) reader.next();
  if (control !== undefined) return { char: control };
  if (set) return { set };
  if (/[pP]/.test(letter) && reader.peek(1) === "{") return { set: readProperty(reader, inClass) };
  if (/[xuoc0-7CM]/.test(letter)) return readCode(reader, inClass);
  return undefined;
}

function shorthand(letter: string, inClass: boolean): CharSet | undefined {
  switch (letter) {
    case "d":
      return DIGIT;
    case "D":
      return complement(DIGIT);
    case "s":
      return WHITE_SPACE;
    case "S":
      return complement(WHITE_SPACE);
    case "h":
      return HEX_DIGIT;
    case "H":
      return complement(HEX_DIGIT);
    case "w":
      return inClass ? WORD_IN_CLASS : WORD;
    case "W":
      return complement(inClass ? WORD_IN_CLASS : WORD);
    case "N":
      return inClass ? undefined : complement(NEW_LINE);
    case "O":
      return inClass ? undefined : ANY;
  }
  return undefined;
}

function readProperty(reader: PatternReader, inClass: boolean): CharSet {
  const found = reader.match(/([pP])\{([^{}]*)\}/y);
  const set = found && propertySet(found[2]!, inClass);
  if (!set) return reader.refuse(`the property \\${found?.[0] ?? "p{…"} isn't known`);
  return found[1] === "P" ? complement(set) : set;
}

/** A character by its number. Oniguruma takes \x80 to \xff as bytes of UTF-8, which stand for no character alone. */
function readCode(reader: PatternReader, inClass: boolean): Escape | undefined {
  const number = [
    { form: /x\{([0-9A-Fa-f]{1,8})\}/y, base: 16, last: 0x10ffff },
    { form: /x([0-9A-Fa-f]{1,2})/y, base: 16, last: 0x7f },
    { form: /u([0-9A-Fa-f]{4})/y, base: 16, last: 0xffff },
    { form: /o\{([0-7]{1,11})\}/y, base: 8, last: 0x10ffff },
    ...(inClass || reader.peek() === "0" ? [{ form: /([0-7]{1,3})/y, base: 8, last: 0x7f }] : []),
  ];
  for (const { form, base, last } of number) {
    const code = Number.parseInt(reader.match(form)?.[1] ?? "", base);
    if (Number.isNaN(code)) continue;
    if (code <= last && !(code >= 0xd800 && code <= 0xdfff)) return { char: code };
    return reader.refuse("a number stands for no character");
  }
  const control = reader.match(/(?:c|C-)([A-Za-z])/y);
  if (control) return { char: control[1]!.charCodeAt(0) & 0x1f };
  if (/[1-7]/.test(reader.peek())) return undefined; // a group's number
  return reader.refuse(`the escape \\${reader.peek()} can't be read`);
}

export const single = (codePoint: number): CharSet => range(codePoint, codePoint);
