import { isNone, text } from "./arguments.ts";
import { characters, stripEnd, stripStart } from "./characters.ts";
import type { Value } from "./value.ts";

/** Python's strip, on either side or both. */
export function strip(self: string, chars: Value, sides: "both" | "left" | "right" = "both"): string {
  if (isNone(chars)) {
    const left = sides === "right" ? self : stripStart(self);
    return sides === "left" ? left : stripEnd(left);
  }
  const set = new Set(text("strip()", chars));
  const all = characters(self);
  let [start, end] = [0, all.length];
  if (sides !== "right") while (start < end && set.has(all[start]!)) start++;
  if (sides !== "left") while (end > start && set.has(all[end - 1]!)) end--;
  return typeof all === "string" ? all.slice(start, end) : all.slice(start, end).join("");
}
