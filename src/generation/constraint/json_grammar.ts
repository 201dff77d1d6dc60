/** JSON as a grammar (RFC 8259), with little white space: a model that likes it would go on with it for ever. */
import { byte, choice, literal, maybe, oneOf, type Rule, reference, repeat, sequence } from "./grammar.ts";

const INDENT = 16; // spaces at most

/** Between the parts of a value: nothing, a space, or a new line and an indent. */
export const space: Rule = choice(
  maybe(literal(" ")),
  sequence(literal("\n"), repeat(literal(" "), 0, INDENT)),
);

const rest = byte([0x80, 0xbf]);
/** A character beyond ASCII, but for the ends of lines (U+2028, U+2029) that a regular expression's dot leaves out. */
export const wideCharacter: Rule = choice(
  sequence(byte([0xc2, 0xdf]), rest),
  sequence(byte([0xe0, 0xe0]), byte([0xa0, 0xbf]), rest),
  sequence(byte([0xe2, 0xe2]), byte([0x80, 0x80]), byte([0x80, 0xa7], [0xaa, 0xbf])),
  sequence(byte([0xe2, 0xe2]), byte([0x81, 0xbf]), rest),
  sequence(byte([0xe1, 0xe1], [0xe3, 0xec], [0xee, 0xef]), rest, rest),
  sequence(byte([0xed, 0xed]), byte([0x80, 0x9f]), rest),
  sequence(byte([0xf0, 0xf0]), byte([0x90, 0xbf]), rest, rest),
  sequence(byte([0xf1, 0xf3]), rest, rest, rest),
  sequence(byte([0xf4, 0xf4]), byte([0x80, 0x8f]), rest, rest),
);
/** One character of a string, as itself or as an escape; never half of a surrogate pair, so that each counts once. */
export const character: Rule = choice(
  byte([0x20, 0x21], [0x23, 0x5b], [0x5d, 0x7e]),
  sequence(byte([0xc2, 0xdf]), rest),
  sequence(byte([0xe0, 0xe0]), byte([0xa0, 0xbf]), rest),
  sequence(byte([0xe1, 0xec], [0xee, 0xef]), rest, rest),
  sequence(byte([0xed, 0xed]), byte([0x80, 0x9f]), rest),
  sequence(byte([0xf0, 0xf0]), byte([0x90, 0xbf]), rest, rest),
  sequence(byte([0xf1, 0xf3]), rest, rest, rest),
  sequence(byte([0xf4, 0xf4]), byte([0x80, 0x8f]), rest, rest),
  sequence(literal("\\"), choice(oneOf('"\\/bfnrt'), sequence(literal("u"), codeUnit()))),
);

function codeUnit(): Rule {
  const hex = oneOf("0123456789abcdefABCDEF");
  return choice(
    sequence(oneOf("0123456789abcefABCEF"), hex, hex, hex),
    sequence(oneOf("dD"), oneOf("01234567"), hex, hex),
  );
}

export const string = (min = 0, max = Infinity): Rule =>
  sequence(literal('"'), repeat(character, min, max), literal('"'));

const DIGITS = 15; // of a whole number: JavaScript knows no more of them exactly
const digit = oneOf("0123456789");
export const integer: Rule = sequence(
  maybe(literal("-")),
  choice(literal("0"), sequence(oneOf("123456789"), repeat(digit, 0, DIGITS - 1))),
);
export const anyNumber: Rule = sequence(
  integer,
  maybe(sequence(literal("."), repeat(digit, 1, DIGITS))),
  maybe(sequence(oneOf("eE"), maybe(oneOf("+-")), repeat(digit, 1, 2))),
);
export const boolean: Rule = choice(literal("true"), literal("false"));
export const nothing: Rule = literal("null");

/** A list of `item`s. */
export function list(item: Rule, min = 0, max = Infinity): Rule {
  const more = (least: number, most: number) => repeat(sequence(literal(","), space, item), least, most);
  const some = sequence(item, more(Math.max(0, min - 1), max - 1), space);
  const inner = max === 0 ? sequence() : min > 0 ? some : choice(sequence(), some);
  return sequence(literal("["), space, inner, literal("]"));
}

/** A list that begins with these, one each; `more` of others behind them. */
export function tuple(first: readonly Rule[], item: Rule, min: number, max: number): Rule {
  if (first.length === 0) return list(item, min, max);
  const comma = sequence(literal(","), space);
  const known = first.flatMap((rule, i) => (i === 0 ? [rule] : [comma, rule]));
  const others = repeat(sequence(comma, item), Math.max(0, min - first.length), max - first.length);
  return sequence(literal("["), space, ...known, others, space, literal("]"));
}

/** An object with any keys. */
export function record(value: Rule): Rule {
  const entry = sequence(string(), literal(":"), space, value);
  const some = sequence(entry, repeat(sequence(literal(","), space, entry)), space);
  return sequence(literal("{"), space, choice(sequence(), some), literal("}"));
}

export interface Field {
  key: string;
  value: Rule;
  isRequired: boolean;
}

/** An object with these keys, in this order; those not required may be left out. */
export function object(fields: readonly Field[]): Rule {
  const entry = ({ key, value }: Field) => sequence(literal(`${JSON.stringify(key)}:`), space, value);
  // What may follow once no field, or some field, has been written: from the last to the first.
  let [first, later]: [Rule, Rule] = [sequence(), space];
  for (const field of fields.toReversed()) {
    const [asFirst, asLater] = [
      sequence(entry(field), later),
      sequence(literal(","), space, entry(field), later),
    ];
    [first, later] = field.isRequired ? [asFirst, asLater] : [choice(asFirst, first), choice(asLater, later)];
  }
  return sequence(literal("{"), space, first, literal("}"));
}

/** Any JSON value, and any JSON object. */
export const { anyValue, anyObject } = anything();

function anything() {
  const value = reference();
  const anyObject = record(value);
  value.rule = choice(anyObject, list(value), string(), anyNumber, boolean, nothing);
  return { anyValue: value as Rule, anyObject };
}
