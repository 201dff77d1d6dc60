/** Strings of JSON Schema's formats, as grammars: RFC 3339 dates and times, UUIDs, addresses. */
import { choice, literal, maybe, oneOf, type Rule, repeat, sequence } from "./grammar.ts";
import { integersBetween } from "./number_range.ts";

const digit = oneOf("0123456789");
const alphanumeric = oneOf("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
const exactly = (item: Rule, count: number) => repeat(item, count, count);
const hex = (count: number) => exactly(oneOf("0123456789abcdef"), count);

/** Two digits up to `high`. */
const twoDigits = (low: number, high: number): Rule =>
  choice(...range(low, high).map((n) => literal(String(n).padStart(2, "0"))));
const range = (low: number, high: number) => Array.from({ length: high - low + 1 }, (_, i) => low + i);
const months = (numbers: readonly string[], days: number) =>
  sequence(choice(...numbers.map(literal)), literal("-"), twoDigits(1, days));

/** Without leap days, which depend on the year. */
const date = sequence(
  exactly(digit, 4),
  literal("-"),
  choice(
    months(["01", "03", "05", "07", "08", "10", "12"], 31),
    months(["04", "06", "09", "11"], 30),
    months(["02"], 28),
  ),
);
const minutes = sequence(twoDigits(0, 23), literal(":"), twoDigits(0, 59));
const zone = choice(literal("Z"), sequence(oneOf("+-"), minutes));
const time = sequence(
  minutes,
  literal(":"),
  twoDigits(0, 59),
  maybe(sequence(literal("."), repeat(digit, 1, 6))),
  zone,
);
const octet = integersBetween({ low: 0, high: 255 })!;
const word = (joints: string, most: number) =>
  sequence(alphanumeric, repeat(sequence(maybe(oneOf(joints)), alphanumeric), 0, most));
const domain = sequence(word("-", 20), repeat(sequence(literal("."), word("-", 20)), 1, 3));

export const STRING_FORMATS: Readonly<Record<string, Rule>> = {
  date,
  time,
  "date-time": sequence(date, literal("T"), time),
  uuid: sequence(hex(8), ...[4, 4, 4, 12].flatMap((count) => [literal("-"), hex(count)])),
  ipv4: sequence(octet, ...range(2, 4).flatMap(() => [literal("."), octet])),
  email: sequence(word("._+-", 30), literal("@"), domain),
};
