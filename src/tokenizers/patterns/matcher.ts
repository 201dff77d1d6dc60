import type { Program } from "./program.ts";
import { createSearch, type Search } from "./search.ts";
import type { StepBudget } from "./step_budget.ts";
import { isPair } from "./surrogates.ts";

/** Calls `found` with each match of the text in order, one behind another as Oniguruma finds them. */
export type Matcher = (text: string, found: (from: number, to: number) => void) => void;

/** @param giveUp is called with a text's length when searching it takes more steps than the budget has left. */
export function createMatcher(
  program: Program,
  budget: StepBudget,
  giveUp: (length: number) => never,
): Matcher {
  const search = createSearch(program, giveUp);
  return (text, found) => {
    search.begin(text, budget.left);
    findAll(search, text, found);
    budget.left -= search.steps();
  };
}

function findAll(search: Search, text: string, found: (from: number, to: number) => void): void {
  let lastEnd = -1;
  for (let from = 0; from <= text.length; ) {
    const start = search.find(from);
    if (start < 0) return;
    const end = search.end;
    if (end === start && end === lastEnd) {
      // Behind a match there is no empty one: one character further
      from += isPair(text, from) ? 2 : 1;
      continue;
    }
    found(start, end);
    from = end;
    lastEnd = end;
  }
}
