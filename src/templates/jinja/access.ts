import { integer, taking } from "./arguments.ts";
import { braceFormat } from "./brace_format.ts";
import { COST, charge, chargeList } from "./budget.ts";
import { countCharacters, cut } from "./characters.ts";
import { TemplateError } from "./error.ts";
import { dictOf, getValue, hasKey } from "./hash.ts";
import { escapeHtml } from "./html.ts";
import { bitsOf } from "./integers.ts";
import { str } from "./repr.ts";
import { slice } from "./slices.ts";
import { stringMethod } from "./string_methods.ts";
import {
  type Callable,
  equal,
  Float,
  Group,
  intOf,
  iterate,
  Markup,
  Range,
  Thing,
  Tuple,
  textOf,
  type Value,
  View,
} from "./value.ts";

/**
 * `object.name`: a method first, then an entry. What changes an object is missing, as in jinja2's sandbox.
 * @throws TemplateError when a method is called that Python has and we don't.
 */
export function attribute(object: Value, name: string): Value {
  if (object instanceof Map) {
    if (CHANGES_DICT.has(name) || /^__\w+__$/.test(name)) return undefined;
    return method(DICT, object, name) ?? getValue(object, name);
  }
  return ownAttribute(object, name);
}

/** `object[key]`: an entry first, then a method. */
export function item(object: Value, key: Value): Value {
  if (object instanceof Map) {
    const isKey =
      typeof key === "string" || (!(Array.isArray(key) && !(key instanceof Tuple)) && !(key instanceof Map));
    if (isKey && hasKey(object, key)) return getValue(object, key);
    return typeof key === "string" ? (method(DICT, object, key) as Value) : undefined;
  }
  const index = intOf(key);
  if (index !== undefined) return typeof index === "number" ? itemAt(object, index) : undefined;
  const name = textOf(key);
  return name === undefined ? undefined : ownAttribute(object, name);
}

/** What Python's getattr() finds, which `attr` asks for. */
export function attributeOnly(object: Value, name: string): Value {
  if (object === undefined) throw new TemplateError(`an undefined value has no ${name}`);
  if (!(object instanceof Map)) return ownAttribute(object, name);
  return CHANGES_DICT.has(name) ? undefined : method(DICT, object, name);
}

function itemAt(object: Value, index: number): Value {
  if (Array.isArray(object)) return object.at(index);
  if (object instanceof Range) {
    const at = index < 0 ? index + object.length : index;
    return at >= 0 && at < object.length ? object.at(at) : undefined;
  }
  const text = textOf(object);
  if (text === undefined) return undefined;
  const length = countCharacters(text);
  const at = index < 0 ? index + length : index;
  if (at < 0 || at >= length) return undefined;
  const char = cut(text, at, at + 1);
  return object instanceof Markup ? new Markup(char) : char;
}

const CHANGES_DICT = new Set(["clear", "pop", "popitem", "setdefault", "update"]);

function ownAttribute(object: Value, name: string): Value {
  if (object instanceof Thing) return object.get(name);
  if (object instanceof Markup || typeof object === "string") {
    if (name === "format") return (positional, named) => format(object, positional, named);
    if (name === "format_map") return ([map]) => format(object, [], map as Map<Value, Value>);
    return stringMethod(object, name) ?? unsupported(STRING_OTHERS, name);
  }
  if (object instanceof Group && name === "grouper") return object[0];
  if (object instanceof Group && name === "list") return object[1];
  if (Array.isArray(object))
    return name === "copy" && object instanceof Tuple ? undefined : method(LIST, object, name);
  if (object instanceof Range && ["start", "stop", "step"].includes(name))
    return object[name as "start" | "stop" | "step"];
  if (object instanceof Range && (name === "count" || name === "index"))
    return method(LIST, [...object], name);
  if (object instanceof Float) return floatAttribute(object, name);
  const int = intOf(object);
  return int === undefined ? undefined : intAttribute(int, name);
}

const STRING_OTHERS = new Set(["encode", "maketrans"]);
const NUMBER_OTHERS = new Set(["to_bytes", "from_bytes", "as_integer_ratio", "hex", "fromhex"]);

function unsupported(names: ReadonlySet<string>, name: string): Callable | undefined {
  if (!names.has(name)) return undefined;
  return () => {
    throw new TemplateError(`the method ${name}() isn't supported`);
  };
}

function intAttribute(value: number | bigint, name: string): Value {
  const constants: Record<string, Value> = { real: value, numerator: value, imag: 0, denominator: 1 };
  if (Object.hasOwn(constants, name)) return constants[name];
  if (name === "bit_length") return () => bitsOf(value);
  if (name === "bit_count") return () => BigInt(value).toString(2).replace(/[^1]/g, "").length;
  if (name === "conjugate") return () => value;
  return unsupported(NUMBER_OTHERS, name);
}

function floatAttribute(object: Float, name: string): Value {
  if (name === "real") return object;
  if (name === "imag") return new Float(0);
  if (name === "is_integer") return () => Number.isInteger(object.value);
  if (name === "conjugate") return () => object;
  return unsupported(NUMBER_OTHERS, name);
}

type Method<T> = readonly [args: string, run: (self: T, ...args: Value[]) => Value];

function method<T>(methods: ReadonlyMap<string, Method<T>>, self: T, name: string): Callable | undefined {
  const found = methods.get(name);
  if (!found) return undefined;
  const [args, run] = found;
  return (positional, named) => run(self, ...taking(`${name}()`, args)(positional, named));
}

const DICT = new Map<string, Method<Map<Value, Value>>>([
  [
    "get",
    ["key default?", (self, key, fallback = null) => (hasKey(self, key) ? getValue(self, key) : fallback)],
  ],
  ["items", ["", (self) => new View("items", self)]],
  ["keys", ["", (self) => new View("keys", self)]],
  ["values", ["", (self) => new View("values", self)]],
  ["copy", ["", (self) => dictOf(self)]],
  [
    "fromkeys",
    [
      "keys value?",
      (_, keys, value = null) => dictOf(Array.from(iterate(keys), (key) => [key, value] as const)),
    ],
  ],
]);

const LIST = new Map<string, Method<Value[]>>([
  ["count", ["value", (self, value) => self.filter((other) => equal(other, value)).length]],
  [
    "index",
    [
      "value start? stop?",
      (self, value, start, stop) => {
        const part = slice(self, [start, stop]) as Value[];
        const from = start === undefined ? 0 : integer("index()", start);
        const at = part.findIndex((other) => equal(other, value));
        if (at < 0) throw new TemplateError("index(): it isn't in the list");
        return at + Math.max(0, from < 0 ? from + self.length : from);
      },
    ],
  ],
  [
    "copy",
    [
      "",
      (self) => {
        chargeList(self.length);
        return [...self];
      },
    ],
  ],
]);

function format(self: string | Markup, positional: Value[], named: ReadonlyMap<Value, Value>): Value {
  charge(COST.turn);
  if (self instanceof Markup)
    return new Markup(braceFormat(self.text, { positional, named, attribute, item, finish: escapeHtml }));
  return braceFormat(str(self), { positional, named, attribute, item });
}
