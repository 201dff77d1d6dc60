import { Float, floatRepr, Namespace, str, TemplateError, typeName, type Value } from "./value.ts";

export interface JsonFormat {
  ensureAscii: boolean;
  /** What one level is indented by; all on one line when left out. */
  indent?: string;
  separators: [item: string, key: string];
  sortKeys: boolean;
}

/** Python's json.dumps. */
export function toJson(value: Value, format: JsonFormat, margin = "\n"): string {
  if (value === null) return "null";
  if (typeof value === "boolean" || typeof value === "number") return String(value);
  if (value instanceof Float) return jsonFloat(value.value);
  if (typeof value === "string") return jsonString(value, format.ensureAscii);
  const inner = margin + (format.indent ?? "");
  if (Array.isArray(value))
    return enclose(
      "[",
      Array.from(value, (item) => toJson(item, format, inner)),
      "]",
      { format, margin },
    );
  if (value instanceof Map) {
    const entries = Array.from(value, ([key, item]): [string, Value] => [jsonKey(key), item]);
    if (format.sortKeys) entries.sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
    const written = entries.map(
      ([key, item]) =>
        jsonString(key, format.ensureAscii) + format.separators[1] + toJson(item, format, inner),
    );
    return enclose("{", written, "}", { format, margin });
  }
  throw new TemplateError(
    `${value instanceof Namespace ? "a namespace" : typeName(value)} can't be written as JSON`,
  );
}

function enclose(
  open: string,
  items: string[],
  close: string,
  { format, margin }: { format: JsonFormat; margin: string },
): string {
  if (items.length === 0) return open + close;
  if (format.indent === undefined) return open + items.join(format.separators[0]) + close;
  const inner = margin + format.indent;
  return open + inner + items.join(format.separators[0] + inner) + margin + close;
}

function jsonFloat(value: number): string {
  if (Number.isFinite(value)) return floatRepr(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

function jsonString(text: string, ensureAscii: boolean): string {
  const json = JSON.stringify(text);
  if (!ensureAscii) return json;
  return json.replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function jsonKey(key: Value): string {
  if (key === null) return "null";
  return typeof key === "boolean" ? String(key) : str(key);
}
