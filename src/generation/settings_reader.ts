/** Settings out of a JSON file, each checked for what it has to be. */
import type { Fault } from "../text/errors.ts";
import { excerpt } from "../text/excerpt.ts";

export type Read = <T>(key: string, kind: SettingKind<T>) => T | undefined;

/** What a value has to be. */
export interface SettingKind<T> {
  expected: string;
  fits(value: unknown): value is T;
}

/** Reads values by key, and keeps what is wrong with them; null counts as left out. */
export function settingsReader(
  values: Readonly<Record<string, unknown>>,
  file: string,
): { read: Read; faults: Fault[] } {
  const faults: Fault[] = [];
  return {
    faults,
    read(key, { expected, fits }) {
      const value = Object.hasOwn(values, key) ? (values[key] ?? undefined) : undefined;
      if (value === undefined || fits(value)) return value;
      const place = `${file}: ${key}`;
      faults.push({
        code: "generation.wrong-config-value",
        place,
        expected,
        got: excerpt(value),
        wayOut: CORRECT,
      });
      return undefined;
    },
  };
}

export const CORRECT = "Correct it there, or take it out";

export const isNumber = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(value);
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);
export const NUMBER: SettingKind<number> = { expected: "a number", fits: isNumber };
export const WHOLE: SettingKind<number> = { expected: "a whole number", fits: isWhole };
export const BOOLEAN: SettingKind<boolean> = {
  expected: "true or false",
  fits: (value) => typeof value === "boolean",
};
export const POSITIVE: SettingKind<number> = {
  expected: "a number above 0",
  fits: (value): value is number => isNumber(value) && value > 0,
};
export const TEXTS: SettingKind<string | string[]> = {
  expected: "a text or a list of texts",
  fits: (value): value is string | string[] => listOr(value).every((part) => typeof part === "string"),
};
export const wholeFrom = (least: number): SettingKind<number> => ({
  expected: `a whole number of at least ${least}`,
  fits: (value): value is number => isWhole(value) && value >= least,
});

const listOr = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);
export const oneOrMore = <T>(value: T | T[] | undefined): T[] =>
  value === undefined ? [] : ([value].flat() as T[]);

/** Kinds of token ids: whole numbers below `size`. */
export function idKinds(size = Number.POSITIVE_INFINITY) {
  const bound = size === Number.POSITIVE_INFINITY ? "" : ` below the vocabulary's size, ${size}`;
  const isId = (value: unknown): value is number => isWhole(value) && value >= 0 && value < size;
  const isSequence = (value: unknown): value is number[] =>
    Array.isArray(value) && value.length > 0 && value.every(isId);
  return {
    one: { expected: `a token id${bound}`, fits: isId } satisfies SettingKind<number>,
    oneOrMore: {
      expected: `a token id or a list of them${bound}`,
      fits: (value): value is number | number[] => listOr(value).every(isId),
    } satisfies SettingKind<number | number[]>,
    sequences: {
      expected: `a list of lists of token ids${bound}`,
      fits: (value): value is number[][] => Array.isArray(value) && value.every(isSequence),
    } satisfies SettingKind<number[][]>,
    biases: {
      expected: `a list of [[token ids], bias]${bound}`,
      fits: (value): value is [number[], number][] =>
        Array.isArray(value) &&
        value.every(
          (pair) => Array.isArray(pair) && pair.length === 2 && isSequence(pair[0]) && isNumber(pair[1]),
        ),
    } satisfies SettingKind<[number[], number][]>,
  };
}

/** Ids that the vocabulary lacks are nothing to suppress. */
export const IDS: SettingKind<number[]> = {
  expected: "a list of token ids",
  fits: (value): value is number[] => Array.isArray(value) && value.every(isWhole),
};
export const DECAY: SettingKind<[number, number]> = {
  expected: "[the number of tokens it begins after, a factor]",
  fits: (value): value is [number, number] =>
    Array.isArray(value) && value.length === 2 && isWhole(value[0]) && isNumber(value[1]),
};
