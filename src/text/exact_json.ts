/**
 * JSON without loss. `JSON.parse` makes one number of 50 and 50.0, rounds integers beyond 2^53, and puts keys like "2024"
 * before all others; Python's reader, and so what a template writes, keeps them apart. Rows stay plain values, which all
 * else reads: what a value lost is remembered beside it, until someone asks for it.
 */

/** A float that is whole is a boxed number, keys out of JavaScript's order are a Map: both outlive a message to a thread. */
export type Json =
  | null
  | boolean
  | number
  | bigint
  | string
  // biome-ignore lint/complexity/noBannedTypes: the boxed number is what is meant
  | Number
  | Json[]
  | ReadonlyMap<string, Json>
  | { readonly [key: string]: Json | undefined };

/** What is lost of an object's or list's own values and keys. */
interface Lost {
  /** By key or index. */
  numbers?: Map<string | number, Json>;
  /** All keys, in order. */
  keys?: readonly string[];
}

const losses = new WeakMap<object, Lost>();

/** JSON.parse, but {@link exactJson} can tell what it lost. */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (typeof value === "object" && value !== null && MAY_LOSE.test(text)) findLosses(text, value);
  return value;
}

/** Numbers that are whole but written as floats, long numbers, and keys that are numbers. Text may look the same. */
const MAY_LOSE =
  /[:[,]\s*-?(?:\d+(?:\.(?:0+|\d{16,})|(?:\.\d+)?[eE][-+]?\d+)|\d{16,}(?:\.\d+)?)\s*[,}\]]|"\d{1,10}"\s*:/;

/** Remembers that `container[key]` is exactly this. */
export function remember(container: object, key: string | number, exact: Json): void {
  const lost = losses.get(container) ?? {};
  lost.numbers ??= new Map();
  lost.numbers.set(key, exact);
  losses.set(container, lost);
}

/** Remembers the order of an object's keys. */
export function rememberKeys(container: object, keys: readonly string[]): void {
  losses.set(container, { ...losses.get(container), keys });
}

/** What `container[key]` exactly is. */
export function exactItem(container: Readonly<Record<string, unknown>>, key: string): Json {
  return losses.get(container)?.numbers?.get(key) ?? exactJson(container[key]);
}

/** An object's keys in the order of its text. */
export const exactKeys = (container: object): readonly string[] =>
  losses.get(container)?.keys ?? Object.keys(container);

/** The value of parsed JSON with all that was in its text: itself, where nothing was lost. */
export function exactJson(value: unknown): Json {
  if (typeof value !== "object" || value === null) return value as Json;
  const { numbers, keys } = losses.get(value) ?? {};
  const exact = (item: unknown, key: string | number): Json => numbers?.get(key) ?? exactJson(item);
  if (Array.isArray(value)) {
    const items = value.map(exact);
    return items.every((item, i) => item === value[i]) ? value : items;
  }
  if (value instanceof Map || value instanceof Number) return value as Json;
  const row = value as Record<string, unknown>;
  if (keys) return new Map(keys.map((key) => [key, exact(row[key], key)]));
  const entries = Object.entries(row).map(([key, item]) => [key, exact(item, key)] as const);
  return entries.every(([key, item]) => item === row[key]) ? (row as Json) : Object.fromEntries(entries);
}

/** An object or list that is open at the place the scan has reached. */
interface Open {
  value: object;
  /** Of the value in hand. */
  key: string | number;
  /** Of an object: those that came, once one of them is a number. */
  keys?: Set<string>;
  isKeyNext: boolean;
}

const TOKEN = /[[\]{},"]|-?\d[\d.eE+-]*/g;

/** Walks through a text that is JSON, beside its value. */
function findLosses(text: string, root: object): void {
  const token = new RegExp(TOKEN);
  const open: Open[] = [];
  for (let found = token.exec(text); found; found = token.exec(text)) {
    const [char] = found;
    const top = open.at(-1);
    if (char === '"') {
      const end = stringEnd(text, found.index);
      if (top?.isKeyNext) enterKey(top, JSON.parse(text.slice(found.index, end)));
      token.lastIndex = end;
    } else if (char === "{" || char === "[") {
      open.push(enter(top ? child(top) : root, char === "["));
    } else if (char === "}" || char === "]") leave(open.pop()!);
    else if (char === ",") next(top!);
    else if (top) enterNumber(top, char);
  }
}

const child = ({ value, key }: Open): unknown =>
  Object.hasOwn(value, key) ? (value as never)[key] : undefined;

/** Of keys that come twice the last one counts, which may be something else than the one in hand. */
function enter(value: unknown, isList: boolean): Open {
  const object = typeof value === "object" && value !== null ? value : {};
  losses.delete(object);
  return { value: object, key: isList ? 0 : "", isKeyNext: !isList, ...(!isList && { keys: new Set() }) };
}

function leave({ value, keys }: Open): void {
  if (!keys || Array.isArray(value)) return;
  const order = Object.keys(value);
  const inOrder = [...keys];
  if (inOrder.some((key, i) => key !== order[i])) rememberKeys(value, inOrder);
}

function next(open: Open): void {
  if (typeof open.key === "number") open.key++;
  else open.isKeyNext = true;
}

function enterKey(open: Open, key: string): void {
  open.keys!.add(key);
  open.key = key;
  open.isKeyNext = false;
  losses.get(open.value)?.numbers?.delete(key);
}

function enterNumber({ value, key }: Open, literal: string): void {
  const number = Number(literal);
  if (/[.eE]/.test(literal)) {
    if (Number.isInteger(number)) remember(value, key, Object(number) as number);
  } else if (!Number.isSafeInteger(number) && literal.length <= MAX_DIGITS)
    remember(value, key, BigInt(literal));
}

const MAX_DIGITS = 4300; // Python reads no int of more

/** The index just after the string that opens at `start`. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; ; at++) {
    at = text.indexOf('"', at);
    let before = at - 1;
    while (text[before] === "\\") before--;
    if ((at - before) % 2 === 1) return at + 1;
  }
}

/** A value's JSON, for comparing: what `JSON.stringify` can't write or tell apart is written, too. */
export function writeJson(value: unknown): string {
  return JSON.stringify(value, (_, item) => {
    if (typeof item === "bigint") return { integer: String(item) };
    return item instanceof Map ? [...item] : item;
  });
}
