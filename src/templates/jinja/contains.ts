import { COST, charge } from "./budget.ts";
import { TemplateError } from "./error.ts";
import { hasKey } from "./hash.ts";
import { indexIn } from "./search.ts";
import { equal, intOf, iterate, Range, textOf, typeName, type Value, View } from "./value.ts";

/** Python's `item in container`. */
export function contains(container: Value, item: Value): boolean {
  const text = textOf(container);
  if (text !== undefined) {
    const part = textOf(item);
    if (part === undefined) throw new TemplateError(`'in <string>' needs a string, got ${typeName(item)}`);
    return indexIn(text, part) >= 0;
  }
  if (container instanceof Map) return hasKey(container, item);
  if (container instanceof View && container.kind === "keys") return hasKey(container.map, item);
  if (container instanceof Range && typeof intOf(item) === "number") return inRange(container, Number(item));
  for (const other of iterate(container)) {
    charge(COST.item);
    if (equal(other, item)) return true;
  }
  return false;
}

function inRange({ start, step, length }: Range, item: number): boolean {
  const place = (item - start) / step;
  return Number.isInteger(place) && place >= 0 && place < length;
}
