const SHOWN = 40; // UTF-16 units of a text

/** A value out of a file, for messages: `5`, `"tune"`, `null`, `a list`, `an object`. */
export function describeValue(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (value === null) return "null";
  if (typeof value === "object") return "an object";
  if (typeof value === "string")
    return JSON.stringify(value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value);
  if (typeof value === "function") return "a function";
  return value === undefined ? "nothing" : String(value);
}
