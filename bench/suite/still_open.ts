import type { Outcome } from "./results.ts";
import type { Workload } from "./workload.ts";

/** How far a setting may be from TRL's best and still be measured again. */
const MARGIN = 1.15;

/**
 * Whether a contender is measured in the next round. Of TRL's settings those that the rounds so far show to be neither
 * near its fastest nor near its smallest are not: ratios are to these two alone.
 */
export function isStillOpen(outcome: Outcome, all: readonly Outcome[], { rate }: Workload): boolean {
  const { contender, rounds, error } = outcome;
  if (error) return false;
  if (contender.side === "attune" || rounds.length === 0) return true;
  const rivals = all.filter(({ contender: { side, group } }) => side === "TRL" && group === contender.group);
  const best = (one: Outcome) => Math.max(0, ...one.rounds.map(rate));
  const least = (one: Outcome) => Math.min(...one.rounds.map(({ peakBytes }) => peakBytes));
  const isFast = best(outcome) * MARGIN >= Math.max(...rivals.map(best));
  return isFast || least(outcome) <= Math.min(...rivals.map(least)) * MARGIN;
}
