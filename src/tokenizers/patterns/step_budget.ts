/** Steps that all patterns together may still take on a text. */
export interface StepBudget {
  left: number;
}

const STEPS = 10_000_000; // that any text may take, part of a second,
const STEPS_PER_UNIT = 128; // and what each of its units adds: tokenizers' patterns take fewer than 20

export function createStepBudget(): StepBudget {
  return { left: STEPS };
}

/** A new text begins: whether it takes too long doesn't hang on those before it. */
export function renewBudget(budget: StepBudget, text: string): void {
  budget.left = STEPS + STEPS_PER_UNIT * text.length;
}
