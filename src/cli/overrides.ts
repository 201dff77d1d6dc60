import { AttuneError } from "../text/errors.ts";
import { parseYaml } from "../text/yaml.ts";

/**
 * A copy of `value` with each `key=value` put in: keys are dotted paths, list items are counted from 0
 * (`data.0.path=more.json`), values are YAML, and `null` takes a key out. Whether a key is known is for the schema to say.
 * @throws AttuneError that quotes the override.
 */
export function applyOverrides(value: unknown, overrides: readonly string[]): unknown {
  const result = copy(value);
  for (const [own, other] of ALTERNATIVES)
    if (overrides.some((override) => override.startsWith(`${own}=`))) remove(result, other);
  for (const override of overrides) applyOverride(result, override);
  return result;
}

/** A recipe gives one of the two: to set one is to take the other's place. */
const ALTERNATIVES = [
  ["training.epochs", "training.maxSteps"],
  ["training.maxSteps", "training.epochs"],
] as const;

function remove(root: unknown, path: string): void {
  const keys = path.split(".");
  let holder = root;
  for (const key of keys.slice(0, -1)) holder = isHolder(holder) ? Reflect.get(holder, key) : undefined;
  if (isHolder(holder)) Reflect.deleteProperty(holder, keys.at(-1)!);
}

function applyOverride(root: unknown, override: string): void {
  const [, path, text] = /^([^=]+)=(.*)$/s.exec(override) ?? [];
  if (path === undefined) throw fault(override, "expected key=value, such as training.epochs=1");
  const keys = path.trim().split(".");
  const value = parseYaml(text!, `--set ${path}`);
  let holder = root;
  for (const [i, key] of keys.entries()) {
    if (!isHolder(holder))
      throw fault(override, `${keys.slice(0, i).join(".") || "the recipe"} holds no keys`);
    if (Array.isArray(holder) && !isIndex(key, holder))
      throw fault(
        override,
        `${keys.slice(0, i).join(".")} is a list of ${holder.length}; ${key} is no place in it`,
      );
    if (i === keys.length - 1 && value === null && !Array.isArray(holder))
      Reflect.deleteProperty(holder, key);
    else if (i === keys.length - 1) setOwn(holder, key, value);
    else {
      if (!Object.hasOwn(holder, key)) setOwn(holder, key, {});
      holder = (holder as Record<string, unknown>)[key];
    }
  }
}

/** Of lists and plain objects; what else a module may export is left to the schema. */
function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, copy(part)]));
}

/** An iterator of rows, which a module may export, can't be copied. */
const isPlain = (value: unknown): value is object =>
  isHolder(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value));

const isHolder = (value: unknown): value is object => typeof value === "object" && value !== null;

/** A place in the list, or the one after its end. */
const isIndex = (key: string, { length }: readonly unknown[]) => /^\d+$/.test(key) && Number(key) <= length;

/** Assigning would reach the prototype through a key such as `__proto__`. */
function setOwn(holder: object, key: string, value: unknown): void {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
}

const fault = (override: string, problem: string) =>
  new AttuneError({ code: "cli.wrong-override", place: `--set ${override}`, problem });
