import type { Draw } from "./draw.ts";
import { mutateText, oddNumber, oddText } from "./mutate_text.ts";

/** A value with its own text: numbers and nests that JSON.stringify can't write. */
const RAW = "\u0001raw:";

const LONGEST = 2 ** 22; // characters: a nest in a list of a thousand copies is long, and no news

/** Changes some values of a JSON text: other types, numbers and keys, parts that are missing, doubled or nested deep. */
export function mutateJson(draw: Draw, text: string): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return mutateText(draw, text);
  }
  if (draw.chance(0.1)) return mutateText(draw, text);
  const mutated = written(() => changed(draw, value));
  return mutated !== undefined && mutated.length < LONGEST ? mutated : mutateText(draw, text);
}

function changed(draw: Draw, value: unknown): unknown {
  const changes = 1 + draw.below(draw.pick([1, 3, 10]));
  for (let i = 0; i < changes; i++) value = change(draw, value);
  return value;
}

/** Undefined when a value is nested deeper than JSON.stringify goes. */
function written(make: () => unknown): string | undefined {
  let text: string;
  try {
    text = JSON.stringify(make()) ?? "";
  } catch {
    return undefined;
  }
  return text.replace(/"\\u0001raw:((?:[^"\\]|\\.)*)"/g, (_, raw) => JSON.parse(`"${raw}"`));
}

type Container = Record<string, unknown> | unknown[];

/** One place somewhere in the value. */
function change(draw: Draw, value: unknown): unknown {
  const places = placesIn(value);
  if (places.length === 0 || draw.chance(0.03)) return oddValue(draw, value);
  const [holder, key] = draw.pick(places);
  changeAt(draw, holder, key, places);
  return value;
}

const MOST_PLACES = 5000;

function placesIn(value: unknown): [Container, string][] {
  const places: [Container, string][] = [];
  const queue = [value];
  while (queue.length > 0 && places.length < MOST_PLACES) {
    const holder = queue.shift();
    if (typeof holder !== "object" || holder === null) continue;
    for (const key of Object.keys(holder)) {
      places.push([holder as Container, key]);
      queue.push((holder as Record<string, unknown>)[key]);
    }
  }
  return places;
}

function changeAt(draw: Draw, holder: Container, key: string, places: readonly [Container, string][]): void {
  const items = holder as Record<string, unknown>;
  const value = items[key];
  switch (draw.below(8)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete items[key];
      return;
    case 1: {
      const [from, name] = draw.pick(places);
      set(items, key, copy((from as Record<string, unknown>)[name]));
      return;
    }
    case 2:
      if (Array.isArray(holder)) holder.push(...new Array(draw.pick([1, 3, 1000])).fill(copy(value)));
      else
        set(
          items,
          draw.pick(["__proto__", "constructor", "", "\0", `${key}_`, key.toUpperCase(), "0", oddText(draw)]),
          value,
        );
      return;
    case 3:
      if (typeof value === "string") set(items, key, mutateText(draw, value));
      else set(items, key, oddValue(draw, value));
      return;
    default:
      set(items, key, oddValue(draw, value));
  }
}

const set = (holder: object, key: string, value: unknown) =>
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });

const copy = (value: unknown): unknown => (value === undefined ? null : JSON.parse(JSON.stringify(value)));

function oddValue(draw: Draw, value: unknown): unknown {
  if (typeof value === "number" && draw.chance(0.7)) return RAW + oddNumber(draw, value);
  switch (draw.below(10)) {
    case 0:
      return null;
    case 1:
      return draw.chance(0.5);
    case 2:
      return RAW + oddNumber(draw, draw.below(100));
    case 3:
    case 4:
      return oddText(draw);
    case 5:
      return draw.pick([[], {}, [[]], [null], { "": {} }, [0, "a", {}]]);
    case 6:
      return [copy(value), copy(value)];
    case 7:
      return { value: copy(value), type: copy(value) };
    case 8:
      return String(value);
    default:
      return RAW + nest(draw);
  }
}

function nest(draw: Draw): string {
  const depth = draw.pick([3, 100, 1000, 20_000]);
  return draw.chance(0.5)
    ? "[".repeat(depth) + "]".repeat(depth)
    : `${'{"a":'.repeat(depth)}0${"}".repeat(depth)}`;
}
