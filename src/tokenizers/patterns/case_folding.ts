import { type CharSet, oneOf } from "./char_set.ts";

/** A character and those that differ from it in case alone (Unicode's simple case folding). */
export function caseVariants(codePoint: number): CharSet {
  return oneOf(variantsOf(codePoint));
}

/** `set` and all case variants of its characters. */
export function foldCase(set: CharSet): CharSet {
  return { key: `i${set.key}`, has: (codePoint) => variantsOf(codePoint).some(set.has) };
}

/**
 * Characters whose case folding is several characters, as ß is "ss" (status F of Unicode's CaseFolding.txt): without
 * case, one may match several.
 */
const LONG_FOLDS: [number, number][] = [
  ...([0xdf, 0x130, 0x149, 0x1f0, 0x390, 0x3b0, 0x587, 0x1e9e, 0x1f50, 0x1f52, 0x1f54, 0x1f56] as const).map(
    (codePoint): [number, number] => [codePoint, codePoint],
  ),
  ...[
    [0x1e96, 0x1e9a],
    [0x1f80, 0x1faf],
    [0x1fb2, 0x1fb4],
    [0x1fb6, 0x1fb7],
    [0x1fbc, 0x1fbc],
  ],
  ...[
    [0x1fc2, 0x1fc4],
    [0x1fc6, 0x1fc7],
    [0x1fcc, 0x1fcc],
    [0x1fd2, 0x1fd3],
    [0x1fd6, 0x1fd7],
  ],
  ...[
    [0x1fe2, 0x1fe4],
    [0x1fe6, 0x1fe7],
    [0x1ff2, 0x1ff4],
    [0x1ff6, 0x1ff7],
    [0x1ffc, 0x1ffc],
  ],
  ...[
    [0xfb00, 0xfb06],
    [0xfb13, 0xfb17],
  ],
] as [number, number][];

/** The first character of `set` that without case may match several characters, if there is one. */
export function longFoldIn(set: CharSet): string | undefined {
  for (const [from, to] of LONG_FOLDS)
    for (let codePoint = from; codePoint <= to; codePoint++)
      if (set.has(codePoint)) return String.fromCodePoint(codePoint);
  return undefined;
}

/** The character that `text` holds, or spells without case, and whose case folding is several characters. */
export function longFoldOf(text: string): string | undefined {
  if (/^[\0-\x7f]*$/.test(text)) return /ff|fi|fl|ss|st/i.exec(text)?.[0];
  const folded = fold(text);
  for (const [from, to] of LONG_FOLDS)
    for (let codePoint = from; codePoint <= to; codePoint++) {
      const char = String.fromCodePoint(codePoint);
      if (text.includes(char) || folded.includes(fold(char))) return char;
    }
  return undefined;
}

const fold = (text: string) => text.toLowerCase().toUpperCase().toLowerCase();

function variantsOf(codePoint: number): readonly number[] {
  if (codePoint < 0x80) return asciiVariants(codePoint);
  table ??= buildTable();
  return table.get(codePoint) ?? [codePoint];
}

const LONG_S = 0x17f;
const KELVIN = 0x212a;

function asciiVariants(code: number): number[] {
  const other = code ^ 0x20;
  const lower = code | 0x20;
  if (lower < 0x61 || lower > 0x7a) return [code];
  return [code, other, ...(lower === 0x73 ? [LONG_S] : []), ...(lower === 0x6b ? [KELVIN] : [])];
}

let table: ReadonlyMap<number, number[]> | undefined;

const LAST_CASED = 0x1ffff; // no plane above has letters of two cases

/** JavaScript compares without case by simple folding; upper and lower case only say which pairs to ask about. */
function buildTable(): ReadonlyMap<number, number[]> {
  const groups = new Map<string, number[]>();
  const cased = /\p{Changes_When_Casemapped}/u;
  for (let codePoint = 0; codePoint <= LAST_CASED; codePoint++) {
    const char = String.fromCodePoint(codePoint);
    if (!cased.test(char)) continue;
    const key = fold(char);
    const group = groups.get(key);
    if (group) group.push(codePoint);
    else groups.set(key, [codePoint]);
  }
  const variants = new Map<number, number[]>();
  for (const group of groups.values())
    for (const codePoint of group) variants.set(codePoint, group.filter(sameWithoutCase(codePoint)));
  return variants;
}

function sameWithoutCase(codePoint: number): (other: number) => boolean {
  const pattern = new RegExp(`^\\u{${codePoint.toString(16)}}$`, "iu");
  return (other) => pattern.test(String.fromCodePoint(other));
}
