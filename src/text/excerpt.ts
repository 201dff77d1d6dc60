/** A value out of a file, short enough for a message. Values nested too deeply to be written are only named. */
export function excerpt(value: unknown, length = 60): string {
  try {
    return (JSON.stringify(value) ?? "nothing").slice(0, length);
  } catch {
    return Array.isArray(value) ? "a deeply nested list" : "a deeply nested object";
  }
}
