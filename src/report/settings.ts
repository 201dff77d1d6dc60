/** Leaves of a JSON value by dotted key, as they are written in YAML. */
export function settingsOf(value: unknown, key = ""): [key: string, value: string][] {
  if (typeof value !== "object" || value === null) return [[key, shown(value)]];
  if (Array.isArray(value) && value.every((item) => typeof item !== "object" || item === null))
    return [[key, `[${value.map(shown).join(", ")}]`]];
  return Object.entries(value).flatMap(([name, part]) => settingsOf(part, key ? `${key}.${name}` : name));
}

const shown = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
