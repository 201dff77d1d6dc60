/**
 * What `JSON.parse` forgets about a text that it accepts: keys written twice in one object, and which numbers are
 * written as floats (`1.0`, `1e5`), a difference that Python's readers see.
 */

/** One name per repeated key of the same object. `text` must be valid JSON, as Python has it. */
export function duplicateKeys(text: string): string[] {
  const found: string[] = [];
  scan(text, { key: (key, isRepeated) => isRepeated && found.push(key), number: () => {} });
  return found;
}

/** Where `text` writes a number with a point or an exponent; each place as {@link pathKey} spells it. */
export function floatPaths(text: string): Set<string> {
  const paths = new Set<string>();
  scan(text, {
    key: () => {},
    number: (literal, path) => /[.eE]/.test(literal) && paths.add(pathKey(path())),
  });
  return paths;
}

/** A place in a JSON value, keys and array indices from the root, as one string. */
export const pathKey = (path: readonly (string | number)[]): string => JSON.stringify(path);

interface Visitor {
  key(key: string, isRepeated: boolean): void;
  number(literal: string, path: () => (string | number)[]): void;
}

/** An object or array that is open at the place the scan has reached. */
interface Open {
  at: string | number; // the key or index of the value in hand
  keys?: Set<string>; // objects only
  isKeyNext: boolean;
}

function scan(text: string, visitor: Visitor): void {
  const stack: Open[] = [];
  const number = /-?\d[\d.eE+-]*/y;
  let i = 0;
  while (i < text.length) {
    const top = stack.at(-1);
    const char = text[i]!;
    if (char === '"') {
      const end = stringEnd(text, i);
      if (top?.isKeyNext) enterKey(top, JSON.parse(text.slice(i, end)), visitor);
      i = end;
    } else if (char === "-" || (char >= "0" && char <= "9")) {
      number.lastIndex = i;
      const [literal] = number.exec(text) ?? [];
      if (literal) visitor.number(literal, () => stack.map((open) => open.at));
      i += literal?.length ?? 1; // the sign of Python's -Infinity
    } else {
      step(stack, char);
      i++;
    }
  }
}

function step(stack: Open[], char: string): void {
  if (char === "{") stack.push({ at: "", keys: new Set(), isKeyNext: true });
  else if (char === "[") stack.push({ at: 0, isKeyNext: false });
  else if (char === "}" || char === "]") stack.pop();
  else if (char === ",") next(stack.at(-1)!);
}

function next(open: Open): void {
  if (open.keys) open.isKeyNext = true;
  else open.at = (open.at as number) + 1;
}

function enterKey(open: Open, key: string, visitor: Visitor): void {
  visitor.key(key, open.keys!.has(key));
  open.keys!.add(key);
  open.at = key;
  open.isKeyNext = false;
}

/** The index just after the string that opens at `start`. Quotes after an odd run of backslashes belong to the string. */
function stringEnd(text: string, start: number): number {
  let i = start + 1;
  while (text[i] !== '"') i += text[i] === "\\" ? 2 : 1;
  return i + 1;
}
