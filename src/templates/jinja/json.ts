import { COST, charge, chargeText } from "./budget.ts";
import { TemplateError } from "./error.ts";
import { writeInteger } from "./integers.ts";
import { floatRepr } from "./repr.ts";
import { compare, Float, textOf, typeName, type Value } from "./value.ts";

export interface JsonFormat {
  ensureAscii: boolean;
  /** What one level is indented by; all on one line when left out. */
  indent?: string;
  separators: [item: string, key: string];
  sortKeys: boolean;
}

/** Python's json.dumps. */
export function toJson(value: Value, format: JsonFormat, margin = "\n"): string {
  charge(2 * COST.node);
  if (value === null) return "null";
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number" || typeof value === "bigint") return writeInteger(value);
  if (value instanceof Float) return jsonFloat(value.value);
  const text = textOf(value);
  if (text !== undefined) return jsonString(text, format.ensureAscii);
  const inner = margin + (format.indent ?? "");
  if (Array.isArray(value))
    return enclose(
      "[",
      Array.from(value, (item) => toJson(item, format, inner)),
      "]",
      { format, margin },
    );
  if (!(value instanceof Map)) throw new TemplateError(`${typeName(value)} can't be written as JSON`);
  const entries = format.sortKeys ? [...value].sort(([a], [b]) => compare(a, b)) : [...value];
  const written = entries.map(
    ([key, item]) =>
      jsonString(jsonKey(key), format.ensureAscii) + format.separators[1] + toJson(item, format, inner),
  );
  return enclose("{", written, "}", { format, margin });
}

function enclose(
  open: string,
  items: string[],
  close: string,
  { format, margin }: { format: JsonFormat; margin: string },
): string {
  if (items.length === 0) return open + close;
  const inner = format.indent === undefined ? "" : margin + format.indent;
  const text = open + inner + items.join(format.separators[0] + inner) + (inner && margin) + close;
  chargeText(text.length);
  return text;
}

function jsonFloat(value: number): string {
  if (Number.isFinite(value)) return floatRepr(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

function jsonString(text: string, ensureAscii: boolean): string {
  charge(text.length * (ensureAscii ? COST.character : 4));
  const json = JSON.stringify(text);
  if (!ensureAscii) return json;
  return json.replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function jsonKey(key: Value): string {
  const text = textOf(key);
  if (text !== undefined) return text;
  if (key === null) return "null";
  if (typeof key === "boolean") return String(key);
  if (typeof key === "number" || typeof key === "bigint") return writeInteger(key);
  if (key instanceof Float) return jsonFloat(key.value);
  throw new TemplateError(`${typeName(key)} can't be a key in JSON`);
}
