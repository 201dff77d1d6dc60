import type { CharSet } from "./char_set.ts";

/** What an instruction does. `at` is the place in the text, `pc` the next instruction's index unless it says otherwise. */
export const Op = {
  /** The whole (sub)program has matched. */
  match: 0,
  /** Takes one character of set a. */
  set: 1,
  /** Takes as many characters of set a as there are, at least b (0 or 1), and gives back one by one. It is run number c. */
  run: 2,
  /** Takes b to c (-1: any number) characters of set a, and gives back one by one. */
  count: 3,
  /** Goes to a, and if that fails to b. */
  split: 4,
  jump: 5,
  /** Tries the options of choice a in order. */
  choice: 6,
  /** Runs the program behind it, goes to a, and stays where that program ended. */
  atomic: 7,
  /** Runs the program behind it, goes to a if it matched (b 1: if it didn't), and stays where it was. */
  look: 8,
  /** Fails unless the text has place a here. */
  place: 9,
  /** Notes in slot a where an iteration begins. */
  enter: 10,
  /** Goes to b if nothing was taken since slot a was noted. */
  leave: 11,
} as const;

/** An option of a choice: where it begins, and the sets its first character is of (undefined: it may take none). */
export interface Option {
  pc: number;
  first: readonly number[] | undefined;
}

/** A compiled pattern. Instructions are columns: [instructions]. */
export interface Program {
  op: Uint8Array;
  a: Int32Array;
  b: Int32Array;
  c: Int32Array;
  /** 1 where an instruction takes characters before the place instead of behind it: inside a look-behind. */
  backward: Uint8Array;
  /** Number of a point whose failure depends on its place alone, so that it needs to be tried there once; or -1. */
  retry: Int32Array;
  sets: readonly CharSet[];
  choices: readonly (readonly Option[])[];
  /** Index in `sets` of the characters of words, where the pattern asks for a word's edge. */
  wordSet: number;
  slots: number;
  runs: number;
  /** Sets that a match's first character is of; undefined if a match may be empty. */
  first: readonly number[] | undefined;
}
