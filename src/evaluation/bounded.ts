import { createContext, Script } from "node:vm";
import { AttuneError, type Fault } from "../text/errors.ts";

const LIMIT = 2000; // milliseconds: what it bounds takes less than one

const script = new Script("work()");
const context = createContext({ work() {} }); // one for all: to make it takes longer than most work

/**
 * Does `work` that a pattern or a schema of someone's file steers, which may be made to take forever: V8 ends it in the middle,
 * within a regular expression too.
 * @throws AttuneError of `fault` when it takes more than two seconds or too deep a stack.
 */
export function bounded<T>(work: () => T, fault: Fault): T {
  let result: { value: T } | undefined;
  context.work = () => {
    result = { value: work() };
  };
  try {
    script.runInContext(context, { timeout: LIMIT });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ERR_SCRIPT_EXECUTION_TIMEOUT" && !(error instanceof RangeError)) throw error;
    throw new AttuneError(fault, { cause: error });
  }
  return result!.value;
}
