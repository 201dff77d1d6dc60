import { type CharSet, complement, matching, range, union } from "./char_set.ts";

/** Unicode's White_Space: what Rust's `char::is_whitespace` and `\s` of Rust's and Oniguruma's patterns hold. */
export const WHITE_SPACE = matching("\\p{White_Space}");
export const DIGIT = matching("\\p{Nd}");
export const HEX_DIGIT = matching("[0-9A-Fa-f]");
export const ANY = range(0, 0x10ffff);
export const NEW_LINE = range(0x0a, 0x0a);

/** `\w` inside a class, and `[[:word:]]`. */
export const WORD_IN_CLASS = matching("[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]");
/** Outside of one, where Oniguruma looks into a table of Latin-1 that also has ², ³, ¹, ¼, ½ and ¾. */
export const WORD = union([WORD_IN_CLASS, matching("[\\xb2\\xb3\\xb9\\xbc-\\xbe]")]);
/** `\w` of Rust's regex crate, which looks for whole words around an added token. */
export const RUST_WORD = union([WORD_IN_CLASS, matching("\\p{Join_Control}")]);

const VISIBLE = "[^\\p{White_Space}\\p{Cc}\\p{Cn}\\p{Cs}]";
const POSIX: Record<string, CharSet | undefined> = {
  __proto__: null as never,
  alnum: matching("[\\p{Alphabetic}\\p{Nd}]"),
  alpha: matching("\\p{Alphabetic}"),
  ascii: range(0, 0x7f),
  blank: matching("[\\p{Zs}\\t]"),
  cntrl: matching("\\p{Cc}"),
  digit: DIGIT,
  graph: matching(VISIBLE),
  lower: matching("\\p{Lowercase}"),
  print: union([matching(VISIBLE), matching("\\p{Zs}")]),
  punct: matching("[\\p{P}\\p{S}]"),
  space: WHITE_SPACE,
  upper: matching("\\p{Uppercase}"),
  xdigit: HEX_DIGIT,
  word: WORD_IN_CLASS,
};

/** The set of a POSIX bracket, `[[:name:]]`. */
export const posixSet = (name: string): CharSet | undefined => POSIX[name];

/**
 * The set of `\p{name}`: a general category, a script, a binary property or a POSIX name; case, spaces, hyphens and
 * underscores don't count. Undefined if neither Oniguruma's syntax nor JavaScript's has the name.
 */
export function propertySet(name: string, inClass: boolean): CharSet | undefined {
  const negated = name.startsWith("^");
  const words = name.slice(negated ? 1 : 0).split(/[\s_-]+/);
  const set = findProperty(
    words.filter((word) => word !== ""),
    inClass,
  );
  return set && negated ? complement(set) : set;
}

function findProperty(words: string[], inClass: boolean): CharSet | undefined {
  const loose = words.join("").toLowerCase();
  if (loose === "word") return inClass ? WORD_IN_CLASS : WORD;
  if (loose === "punct") return matching("\\p{P}"); // with symbols only as a bracket
  if (POSIX[loose]) return POSIX[loose];
  const spellings = [words.join("_"), words.map(capitalized).join("_"), capitalized(loose)];
  for (const spelling of spellings.filter((spelling) => /^\w+$/.test(spelling)))
    for (const expression of [`\\p{${spelling}}`, `\\p{Script=${spelling}}`]) {
      try {
        return matching(expression);
      } catch {
        // no such name: the next spelling
      }
    }
  return undefined;
}

const capitalized = (word: string) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase();
