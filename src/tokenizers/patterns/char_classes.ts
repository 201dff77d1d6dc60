import type { CharSet } from "./char_set.ts";

/**
 * Characters that are in the same of a pattern's sets are one class, found when a text first holds one: a pattern then
 * asks a table, whatever Unicode properties its sets are made of.
 */
export interface CharClasses {
  /** Class of each UTF-16 unit, [65536]; 0 where `classify` has to be asked: unseen so far, or half a character. */
  readonly ofUnit: Uint16Array;
  /** For each set, whether a class belongs to it. */
  readonly members: Uint8Array[];
  /** Class of the character at a place of a text, and in `width` its units; a lone half counts as U+FFFD. */
  classify(text: string, at: number): number;
  width: number;
  /** Number of classes known so far, with 0. */
  count: number;
}

const REPLACEMENT = 0xfffd;
const MOST_CLASSES = 0xffff;

export function createCharClasses(sets: readonly CharSet[]): CharClasses {
  const byMembership = new Map<string, number>();
  const ofAstral = new Map<number, number>();
  const classes: CharClasses = {
    ofUnit: new Uint16Array(0x10000),
    members: sets.map(() => new Uint8Array(64)),
    width: 1,
    count: 1,
    classify(text, at) {
      const codePoint = text.codePointAt(at)!;
      classes.width = codePoint > 0xffff ? 2 : 1;
      if (codePoint >= 0xd800 && codePoint <= 0xdfff) return classOf(REPLACEMENT);
      return classOf(codePoint);
    },
  };

  const classOf = (codePoint: number): number => {
    const known = codePoint > 0xffff ? ofAstral.get(codePoint) : classes.ofUnit[codePoint];
    if (known) return known;
    const found = find(codePoint);
    if (codePoint > 0xffff) ofAstral.set(codePoint, found);
    else classes.ofUnit[codePoint] = found;
    return found;
  };

  const find = (codePoint: number): number => {
    const membership = sets.map((set) => (set.has(codePoint) ? 1 : 0));
    const key = membership.join("");
    const known = byMembership.get(key);
    if (known !== undefined) return known;
    if (classes.count > MOST_CLASSES) throw new RangeError("a pattern has too many classes of characters");
    const found = classes.count++;
    byMembership.set(key, found);
    membership.forEach((member, set) => {
      if (found >= classes.members[set]!.length) classes.members[set] = grown(classes.members[set]!);
      classes.members[set]![found] = member;
    });
    return found;
  };
  return classes;
}

function grown(bytes: Uint8Array): Uint8Array {
  const larger = new Uint8Array(bytes.length * 2);
  larger.set(bytes);
  return larger;
}
