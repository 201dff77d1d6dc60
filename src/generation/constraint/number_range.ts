/** Numbers between bounds, as a grammar of how they are written. */
import { byte, choice, literal, maybe, oneOf, type Rule, repeat, sequence } from "./grammar.ts";

/** Whole numbers; both ends included where they are whole. */
export interface NumberBounds {
  low: number;
  high: number;
}

const DIGITS = 15; // of a whole number: JavaScript knows no more of them exactly
const FURTHEST = 10 ** DIGITS - 1;

/** Whole numbers from `low` to `high`; undefined where there are none. */
export function integersBetween({ low, high }: NumberBounds): Rule | undefined {
  const [from, to] = [Math.max(low, -FURTHEST), Math.min(high, FURTHEST)];
  const negative = naturals(Math.max(1, -to), -from);
  const rest = naturals(Math.max(0, from), to);
  const choices = [...(negative ? [sequence(literal("-"), negative)] : []), ...(rest ? [rest] : [])];
  return choices.length === 0 ? undefined : choice(...choices);
}

/** The same, and the numbers between; of open ends the whole numbers are left out by `whole`. */
export function numbersBetween({ low, high }: NumberBounds, whole: NumberBounds): Rule | undefined {
  const [from, to] = [Math.max(low, -FURTHEST), Math.min(high, FURTHEST)];
  const integers = integersBetween(whole);
  const below = naturals(Math.max(0, -to), -from - 1);
  const above = naturals(Math.max(0, from), to - 1);
  const choices = [
    ...(integers ? [sequence(integers, maybe(literal(".0")))] : []),
    ...(below ? [sequence(literal("-"), below, fraction)] : []),
    ...(above ? [sequence(above, fraction)] : []),
  ];
  return choices.length === 0 ? undefined : choice(...choices);
}

const digit = oneOf("0123456789");
/** One that isn't zero. */
const fraction = sequence(
  literal("."),
  repeat(literal("0"), 0, 6),
  oneOf("123456789"),
  repeat(digit, 0, DIGITS - 7),
);

/** From `low`, at least 0, to `high`, without zeros in front. */
function naturals(low: number, high: number): Rule | undefined {
  if (high < low) return undefined;
  const choices: Rule[] = [];
  for (let length = String(low).length; length <= String(high).length; length++) {
    const least = Math.max(low, length === 1 ? 0 : 10 ** (length - 1));
    const most = Math.min(high, 10 ** length - 1);
    choices.push(ofOneLength(String(least), String(most)));
  }
  return choice(...choices);
}

const any = (count: number) => repeat(digit, count, count);

/** Texts of as many digits as both ends have. */
function ofOneLength(low: string, high: string): Rule {
  if (low === "") return sequence();
  const [first, last, length] = [low[0]!, high[0]!, low.length - 1];
  if (first === last) return sequence(literal(first), ofOneLength(low.slice(1), high.slice(1)));
  return choice(
    sequence(literal(first), ofOneLength(low.slice(1), "9".repeat(length))),
    ...between(first, last).map((one) => sequence(one, any(length))),
    sequence(literal(last), ofOneLength("0".repeat(length), high.slice(1))),
  );
}

/** The digits between two digits, where there are some. */
function between(first: string, last: string): Rule[] {
  const [from, to] = [first.charCodeAt(0) + 1, last.charCodeAt(0) - 1];
  return from <= to ? [byte([from, to])] : [];
}
