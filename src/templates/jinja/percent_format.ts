import { COST, charge, chargeText } from "./budget.ts";
import { countCharacters, cut } from "./characters.ts";
import { TemplateError } from "./error.ts";
import { getValue, hasKey } from "./hash.ts";
import { escapeHtml } from "./html.ts";
import { toFloat, wholeNumber, writeInteger } from "./integers.ts";
import { floatDigits } from "./number_format.ts";
import { ascii, repr, str } from "./repr.ts";
import { Float, type Int, intOf, Markup, numberOf, Tuple, textOf, typeName, type Value } from "./value.ts";

const DIRECTIVE =
  /%(?:\((?<name>[^()]*)\))?(?<flags>[-+ #0]*)(?<width>\*|\d+)?(?:\.(?<precision>\*|\d*))?[hlL]?(?<type>[\s\S])?/g;

/** Python's `format % argument`: a tuple of values, a dict by whose names they are chosen, or one value. */
export const percentFormat = (format: string, argument: Value): string => write(format, argument, str, repr);

/** What is put into a Markup is escaped. */
export function formatMarkup({ text }: Markup, argument: Value): Markup {
  return new Markup(write(text, argument, escapeHtml, (value) => escapeHtml(repr(value))));
}

type AsText = (value: Value) => string;

function write(format: string, argument: Value, asText: AsText, asRepr: AsText): string {
  const values = argument instanceof Tuple ? argument : [argument];
  let next = 0;
  const take = (): Value => {
    if (next >= values.length) throw new TemplateError("there are not enough values for a format");
    return values[next++];
  };
  const directive = (groups: Groups): string => {
    charge(COST.field);
    if (groups.type === "%") return "%";
    const value = (): Value => (groups.name === undefined ? take() : named(argument, groups.name));
    return writeDirective(readDirective(groups, take), value, { s: asText, r: asRepr });
  };
  let [written, at] = ["", 0];
  for (const found of format.matchAll(DIRECTIVE)) {
    written += format.slice(at, found.index) + directive(found.groups as unknown as Groups);
    at = found.index + found[0].length;
  }
  written += format.slice(at);
  const mayBeLeft = argument instanceof Map || (Array.isArray(argument) && !(argument instanceof Tuple));
  if (next < values.length && !mayBeLeft) throw new TemplateError("there are too many values for a format");
  chargeText(written.length);
  return written;
}

interface Groups {
  name?: string;
  flags: string;
  width?: string;
  precision?: string;
  type?: string;
}

interface Directive {
  flags: string;
  width: number;
  precision?: number;
  type: string;
}

function readDirective({ flags, width, precision, type }: Groups, take: () => Value): Directive {
  if (type === undefined) throw new TemplateError("a format ends with %");
  const size = (written: string): number => {
    if (written !== "*") return Number(written);
    const value = intOf(take());
    if (typeof value !== "number") throw new TemplateError("the * of a format needs an int");
    return value;
  };
  const wide = width === undefined ? 0 : size(width);
  return {
    flags: wide < 0 ? `${flags}-` : flags,
    width: Math.abs(wide),
    precision: precision === undefined ? undefined : Math.max(0, size(precision || "0")),
    type,
  };
}

function named(argument: Value, name: string): Value {
  if (!(argument instanceof Map)) throw new TemplateError("a format with names needs a dict");
  if (!hasKey(argument, name)) throw new TemplateError(`the format's values have no ${name}`);
  return getValue(argument, name);
}

function writeDirective(directive: Directive, value: () => Value, asText: { s: AsText; r: AsText }): string {
  const { type, precision, width } = directive;
  chargeText(width);
  if (type === "s" || type === "r") return padText(cut(asText[type](value()), 0, precision), directive);
  if (type === "a") return padText(cut(ascii(value()), 0, precision), directive);
  if (type === "c") return padText(character(value()), directive);
  if ("diuoxX".includes(type)) return padNumber(...integerDigits(value(), directive), directive);
  if ("eEfFgG".includes(type)) return padNumber(...float(value(), directive), directive);
  throw new TemplateError(`a format has no %${type}`);
}

function character(value: Value): string {
  const text = textOf(value);
  if (text !== undefined && countCharacters(text) === 1) return text;
  const code = intOf(value);
  if (typeof code === "number" && code >= 0 && code < 0x110000) return String.fromCodePoint(code);
  throw new TemplateError("%c needs an int or one character");
}

const RADIX: Record<string, number> = { o: 8, x: 16, X: 16 };

function integerDigits(value: Value, { type, precision = 0, flags }: Directive): [boolean, string, string] {
  const int = wholePart(value, type);
  const size = int < 0 ? -int : int;
  const digits = type in RADIX ? BigInt(size).toString(RADIX[type]) : writeInteger(size);
  chargeText(precision);
  const prefix = flags.includes("#") && type in RADIX ? `0${type}` : "";
  const padded = digits.padStart(precision, "0");
  return [int < 0, prefix, type === "X" ? padded.toUpperCase() : padded];
}

function wholePart(value: Value, type: string): Int {
  const int = intOf(value);
  if (int !== undefined) return int;
  if (!(value instanceof Float) || type in RADIX || !Number.isFinite(value.value))
    throw new TemplateError(`%${type} needs an int, got ${typeName(value)}`);
  return wholeNumber(Math.trunc(value.value));
}

function float(value: Value, { type, precision = 6, flags }: Directive): [boolean, string, string] {
  const number = numberOf(value);
  if (number === undefined) throw new TemplateError(`%${type} needs a number, got ${typeName(value)}`);
  const float = toFloat(number);
  const digits = floatDigits(float, type, { precision, alternate: flags.includes("#") });
  return [float < 0 || Object.is(float, -0), "", digits];
}

function padNumber(isNegative: boolean, prefix: string, digits: string, { flags, width }: Directive): string {
  const sign = isNegative ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  const isZeroed = flags.includes("0") && !flags.includes("-");
  const filled = isZeroed ? digits.padStart(width - sign.length - prefix.length, "0") : digits;
  return padText(sign + prefix + filled, { flags, width });
}

function padText(text: string, { flags, width }: Pick<Directive, "flags" | "width">): string {
  const missing = " ".repeat(Math.max(0, width - countCharacters(text)));
  return flags.includes("-") ? text + missing : missing + text;
}
