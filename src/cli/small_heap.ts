/**
 * V8's heap, which grows by what preparing rows and graphs leaves behind, where steps need next to none of it: what they
 * compute lies outside.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Frees what isn't needed any more, and from now on lets the heap grow slowly. */
export function keepHeapSmall(): void {
  setFlagsFromString("--optimize-for-size");
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void; // a context made after the flag has it
  collectGarbage();
}

/** Lets it grow as it likes again: a heap that is kept small halves the speed at which rows are tokenized. */
export const letHeapGrow = (): void => setFlagsFromString("--no-optimize-for-size");
