import { TemplateError } from "./error.ts";

/**
 * What one rendering may use up, in units of about a character copied. Templates can't loop forever, but nested loops,
 * recursion and lists of lists come close. A long conversation may use more.
 */
const BASE = 2 ** 28;
const PER_CHARACTER = 64;

/** What things cost, by the time and the memory they take. `character`: where each is looked
 * at by itself; `field`: of a format. */
export const COST = { node: 32, item: 16, entry: 96, turn: 160, character: 16, field: 512 } as const;

/** Longest text and list: a few characters of source could ask for any amount, and JavaScript fails beyond. */
export const MAX_TEXT = 2 ** 26;
export const MAX_LIST = 2 ** 22;

const MAX_DEPTH = 200; // macros that call each other; a Python interpreter gives up at about that

let [left, depth] = [Number.POSITIVE_INFINITY, 0];

/** Runs a rendering of variables of this size. */
export function withBudget<T>(characters: number, render: () => T): T {
  const outer = [left, depth] as const;
  [left, depth] = [BASE + PER_CHARACTER * characters, 0];
  try {
    return render();
  } finally {
    [left, depth] = outer;
  }
}

/** @throws TemplateError when the rendering has used up what it may. */
export function charge(units: number): void {
  left -= units;
  if (!(left >= 0)) throw new TemplateError("it takes too many steps; does it loop without end?");
}

/** Of a call. */
export function within<T>(work: () => T): T {
  charge(COST.turn);
  if (++depth > MAX_DEPTH) throw new TemplateError("its macros call each other too deeply");
  try {
    return work();
  } finally {
    depth--;
  }
}

/** @throws TemplateError when a text would have more characters than one may. */
export function chargeText(length: number): void {
  if (!(length <= MAX_TEXT)) throw new TemplateError(`it makes a text of more than ${MAX_TEXT} characters`);
  charge(length);
}

/** Of two texts put together: JavaScript copies them when the whole is read, and that is charged then. */
export function chargeJoined(length: number, added: number): void {
  if (length > MAX_TEXT) chargeText(length);
  charge(COST.item + (added >> 3));
}

/** @throws TemplateError when a list would have more items than one may. */
export function chargeList(length: number): void {
  if (!(length <= MAX_LIST)) throw new TemplateError(`it makes a list of more than ${MAX_LIST} items`);
  charge(length * COST.item);
}
