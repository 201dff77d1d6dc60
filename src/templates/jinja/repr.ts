import { pythonFloat } from "../../text/python_json.ts";
import { COST, charge, chargeText } from "./budget.ts";
import { TemplateError } from "./error.ts";
import { writeInteger } from "./integers.ts";
import {
  Float,
  Markup,
  Namespace,
  Range,
  Stream,
  Thing,
  Tuple,
  typeName,
  type Value,
  View,
} from "./value.ts";

/** Python's str(). */
export function str(value: Value): string {
  if (typeof value === "string") return value;
  if (value instanceof Markup) return value.text;
  return value === undefined ? "" : repr(value);
}

/** Python's repr(). */
export function repr(value: Value): string {
  charge(2 * COST.node);
  if (value === undefined) return "Undefined";
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "number" || typeof value === "bigint") return writeInteger(value);
  if (value instanceof Float) return floatRepr(value.value);
  if (typeof value === "string") return quote(value);
  if (value instanceof Markup) return `Markup(${quote(value.text)})`;
  if (Array.isArray(value)) return reprList(value);
  if (value instanceof Map) return reprDict(value);
  if (value instanceof Range)
    return `range(${value.start}, ${value.stop}${value.step === 1 ? "" : `, ${value.step}`})`;
  if (value instanceof View) return `dict_${value.kind}(${reprList([...value])})`;
  if (value instanceof Namespace) return `<Namespace ${reprDict(value.values)}>`;
  if (value instanceof Thing && typeof value.get("index") === "number")
    return `<LoopContext ${value.get("index")}/${value.get("length")}>`;
  const wayOut = value instanceof Stream ? "; put | list behind it" : "";
  throw new TemplateError(`${typeName(value)} can't be written as text${wayOut}`);
}

function reprList(items: Value[]): string {
  const written = Array.from(items, repr);
  if (!(items instanceof Tuple)) return `[${joined(written)}]`;
  return written.length === 1 ? `(${written[0]},)` : `(${joined(written)})`;
}

const reprDict = (map: ReadonlyMap<Value, Value>): string =>
  `{${joined(Array.from(map, ([key, item]) => `${repr(key)}: ${repr(item)}`))}}`;

function joined(parts: string[]): string {
  const text = parts.join(", ");
  chargeText(text.length);
  return text;
}

const SHORT: Record<string, string> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

const UNPRINTED = /[\\'"]|(?! )[\p{C}\p{Z}]/u;

/** With what can't be printed escaped: controls, unassigned characters, white space other than the blank. */
function quote(text: string): string {
  charge(text.length * (UNPRINTED.test(text) ? COST.character : 1));
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(new RegExp(UNPRINTED, "gu"), (char) => {
    if (char === "'" || char === '"') return char === mark ? `\\${char}` : char;
    return SHORT[char] ?? escapeCode(char.codePointAt(0)!);
  });
  return mark + escaped + mark;
}

/** Python's ascii(). */
export const ascii = (value: Value): string =>
  repr(value).replace(/[^\0-\x7f]/gu, (char) => escapeCode(char.codePointAt(0)!));

function escapeCode(code: number): string {
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

export function floatRepr(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return pythonFloat(value);
}
