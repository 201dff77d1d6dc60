import { AttuneError } from "../errors.ts";
import { parseYaml } from "./yaml.ts";

/**
 * A copy of `value` with each `key=value` put in: keys are dotted paths, list items are counted from 0
 * (`data.0.path=more.json`), values are YAML. Whether a key is known is for the schema to say.
 * @throws AttuneError that quotes the override.
 */
export function applyOverrides(value: unknown, overrides: readonly string[]): unknown {
  const result = copy(value);
  for (const override of overrides) applyOverride(result, override);
  return result;
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
    if (i === keys.length - 1) setOwn(holder, key, value);
    else {
      if (!Object.hasOwn(holder, key)) setOwn(holder, key, {});
      holder = (holder as Record<string, unknown>)[key];
    }
  }
}

/** Of lists and plain objects; what else a module may export is left to the schema. */
function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  if (!isHolder(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, copy(part)]));
}

const isHolder = (value: unknown): value is object => typeof value === "object" && value !== null;

/** A place in the list, or the one after its end. */
const isIndex = (key: string, { length }: readonly unknown[]) => /^\d+$/.test(key) && Number(key) <= length;

/** Assigning would reach the prototype through a key such as `__proto__`. */
function setOwn(holder: object, key: string, value: unknown): void {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
}

const fault = (override: string, problem: string) => new AttuneError(`--set ${override}: ${problem}`);
