import { COST, charge, chargeText } from "./budget.ts";
import { countCharacters, cut } from "./characters.ts";
import { TemplateError } from "./error.ts";
import { getValue, hasKey } from "./hash.ts";
import { toFloat, writeInteger } from "./integers.ts";
import { floatDigits, general, grouped } from "./number_format.ts";
import { ascii, floatRepr, repr, str } from "./repr.ts";
import { Float, type Int, intOf, numberOf, textOf, typeName, type Value } from "./value.ts";

export interface BraceFormat {
  positional: readonly Value[];
  named: ReadonlyMap<Value, Value>;
  /** How a field goes on from a value: `.name` and `[key]`. */
  attribute(object: Value, name: string): Value;
  item(object: Value, key: Value): Value;
  /** What becomes of a value's text. */
  finish?(text: string): string;
}

/** Python's str.format(). */
export function braceFormat(format: string, values: BraceFormat): string {
  charge(format.length * COST.character);
  const numbering: Numbering = { next: 0 };
  const text = writeFields(format, values, numbering, 2);
  chargeText(text.length);
  return text;
}

/** Fields without a number count up; that and numbers can't be mixed. */
interface Numbering {
  next: number;
  isManual?: boolean;
}

const PLAIN = /[^{}]+/y;

function writeFields(format: string, values: BraceFormat, numbering: Numbering, levels: number): string {
  if (levels < 0) throw new TemplateError("format(): fields are nested too deeply");
  let written = "";
  for (let at = 0; at < format.length; ) {
    PLAIN.lastIndex = at;
    const plain = PLAIN.exec(format)?.[0];
    const char = format[at]!;
    if (plain !== undefined) {
      written += plain;
      at += plain.length;
    } else if (format[at + 1] === char) {
      written += char;
      at += 2;
    } else {
      if (char === "}") throw new TemplateError("format(): a single } in the format");
      const end = fieldEnd(format, at);
      written += writeField(format.slice(at + 1, end), values, numbering, levels);
      at = end + 1;
    }
  }
  return written;
}

function fieldEnd(format: string, start: number): number {
  let depth = 0;
  let inBrackets = false;
  for (let at = start; at < format.length; at++) {
    if (format[at] === "[" && depth === 1) inBrackets = true;
    else if (format[at] === "]") inBrackets = false;
    else if (format[at] === "{" && !inBrackets) depth++;
    else if (format[at] === "}" && !inBrackets && --depth === 0) return at;
  }
  throw new TemplateError("format(): a { isn't closed");
}

function writeField(field: string, values: BraceFormat, numbering: Numbering, levels: number): string {
  charge(COST.field);
  const [, name = "", conversion, spec = ""] =
    /^((?:\[[^\]]*\]|[^[:!])*)(?:!([^:]*))?(?::([\s\S]*))?$/.exec(field) ?? fail(field);
  const value = fieldValue(name, values, numbering);
  const converted = conversion === undefined ? value : convert(value, conversion);
  const text = formatValue(converted, writeFields(spec, values, numbering, levels - 1));
  return values.finish?.(text) ?? text;
}

function fail(field: string): never {
  throw new TemplateError(`format(): {${field}} is no field`);
}

function fieldValue(name: string, values: BraceFormat, numbering: Numbering): Value {
  const [, first = "", rest = ""] = /^([^.[]*)([\s\S]*)$/.exec(name)!;
  let value = firstValue(first, values, numbering);
  const steps = rest.matchAll(/\.([^.[]+)|\[([^\]]+)\]|([\s\S])/g);
  for (const [, attribute, key, other] of steps) {
    if (other !== undefined) fail(name);
    if (value === undefined) throw new TemplateError(`format(): ${first} is undefined`);
    value = attribute !== undefined ? values.attribute(value, attribute) : values.item(value, keyOf(key!));
  }
  return value;
}

const keyOf = (key: string): Value => (/^\d+$/.test(key) ? Number(key) : key);

function firstValue(name: string, { positional, named }: BraceFormat, numbering: Numbering): Value {
  if (name !== "" && !/^\d+$/.test(name)) {
    if (!hasKey(named as Map<Value, Value>, name)) throw new TemplateError(`format(): there is no ${name}`);
    return getValue(named as Map<Value, Value>, name);
  }
  const isManual = name !== "";
  if (numbering.isManual !== undefined && numbering.isManual !== isManual)
    throw new TemplateError("format(): fields with a number and without can't be mixed");
  numbering.isManual = isManual;
  const index = isManual ? Number(name) : numbering.next++;
  if (index >= positional.length) throw new TemplateError(`format(): there is no value ${index}`);
  return positional[index];
}

function convert(value: Value, conversion: string): Value {
  if (conversion === "s") return str(value);
  if (conversion === "r") return repr(value);
  if (conversion === "a") return ascii(value);
  throw new TemplateError(`format(): there is no conversion !${conversion}`);
}

interface Spec {
  fill: string;
  align?: string;
  sign: string;
  alternate: boolean;
  width: number;
  grouping?: string;
  precision?: number;
  type: string;
}

const SPEC = /^(?:([\s\S])?([<>=^]))?([-+ ])?(z)?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([a-zA-Z%])?$/u;

function readSpec(written: string): Spec {
  const found = SPEC.exec(written);
  if (!found) throw new TemplateError(`format(): ${JSON.stringify(written.slice(0, 40))} is no format`);
  const [, fill, align, sign = "-", noZero, alternate, zero, width, grouping, precision, type = ""] = found;
  if (noZero) throw new TemplateError("format(): the option z isn't supported");
  chargeText(Number(width ?? 0));
  return {
    fill: fill ?? (zero ? "0" : " "),
    align: align ?? (zero ? "=" : undefined),
    sign,
    alternate: alternate !== undefined,
    width: Number(width ?? 0),
    grouping,
    precision: precision === undefined ? undefined : Number(precision),
    type,
  };
}

/** Python's format(value, spec). */
function formatValue(value: Value, written: string): string {
  if (written === "") return str(value);
  const text = textOf(value);
  if (text !== undefined) return formatText(text, readSpec(written));
  const number = numberOf(value);
  if (number === undefined) throw new TemplateError(`format(): ${typeName(value)} takes no format`);
  const spec = readSpec(written);
  if (value instanceof Float || "eEfFgG%".includes(spec.type || "d"))
    return formatFloat(toFloat(number), spec);
  return formatInteger(intOf(value)!, spec);
}

function formatText(text: string, spec: Spec): string {
  const { type, align = "<", sign, alternate, grouping, precision } = spec;
  if ((type !== "" && type !== "s") || sign !== "-" || alternate || grouping !== undefined)
    throw new TemplateError("format(): a string takes no such format");
  const isPadded = align === "=";
  if (isPadded && spec.fill !== "0") throw new TemplateError("format(): a string can't be aligned with =");
  return pad("", cut(text, 0, precision), { ...spec, align: isPadded ? "<" : align });
}

const BASES: Record<string, number> = { b: 2, o: 8, x: 16, X: 16 };

function formatInteger(value: Int, spec: Spec): string {
  const { type, precision, grouping, alternate } = spec;
  if (precision !== undefined) throw new TemplateError("format(): an int takes no precision");
  const size = value < 0 ? -value : value;
  if (type === "c") return pad("", String.fromCodePoint(Number(size)), { align: "<", ...spec });
  const base = BASES[type];
  if (base === undefined && !["", "d", "n"].includes(type))
    throw new TemplateError(`format(): an int takes no type ${type}`);
  if (base !== undefined && grouping === ",") throw new TemplateError(`format(): no , with ${type}`);
  const digits = base === undefined ? writeInteger(size) : BigInt(size).toString(base);
  const prefix = signOf(value < 0, spec) + (alternate && base !== undefined ? `0${type}` : "");
  return number(prefix, type === "X" ? digits.toUpperCase() : digits, spec, base === undefined ? 3 : 4);
}

function formatFloat(value: number, spec: Spec): string {
  const { type, precision, alternate } = spec;
  if (type !== "" && !"eEfFgGn%".includes(type))
    throw new TemplateError(`format(): a float takes no type ${type}`);
  const isNegative = value < 0 || Object.is(value, -0);
  const digits =
    type === ""
      ? plainDigits(Math.abs(value), precision, alternate)
      : floatDigits(value, type === "n" ? "g" : type, { precision: precision ?? 6, alternate });
  return number(signOf(isNegative, spec), digits, spec, 3);
}

/** As repr() writes it; with a precision as `g`, but with a digit after the point. */
function plainDigits(value: number, precision: number | undefined, alternate: boolean): string {
  if (precision === undefined || !Number.isFinite(value)) return floatRepr(value);
  const digits = general(value, Math.max(1, precision), alternate, 1);
  return /[.e]/.test(digits) ? digits : `${digits}.0`;
}

const signOf = (isNegative: boolean, { sign }: Spec): string => (isNegative ? "-" : sign === "-" ? "" : sign);

function number(prefix: string, digits: string, spec: Spec, groupSize: number): string {
  const { align = ">", fill, width, grouping } = spec;
  const isZeroed = align === "=" && fill === "0";
  const hasDigits = /\d/.test(digits);
  const whole =
    grouping === undefined || !hasDigits
      ? digits
      : grouped(digits, grouping, groupSize, isZeroed ? width - prefix.length : 0);
  return pad(prefix, whole, { ...spec, align });
}

function pad(prefix: string, text: string, { fill, align, width }: Spec): string {
  const missing = Math.max(0, width - prefix.length - countCharacters(text));
  if (align === "=") return prefix + fill.repeat(missing) + text;
  const before = align === "<" ? 0 : align === ">" ? missing : missing >> 1;
  return fill.repeat(before) + prefix + text + fill.repeat(missing - before);
}
