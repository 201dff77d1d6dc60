import type { Branch, Totals, Values, Weighed } from "./objective.ts";

/** What a loss of a pair is: a function of both answers. */
export interface PairLoss {
  loss: number;
  /** d loss / d nll of the chosen and of the rejected answer, [T] each. */
  weights: [chosen: Float64Array, rejected: Float64Array];
  /** What the chosen and the rejected answer score: beta times a log probability, or a difference of two. */
  rewards: [chosen: number, rejected: number];
  beta: number;
  /** Their log probabilities, as the objective takes them. */
  logps: [chosen: number, rejected: number];
  metrics?: Record<string, number>;
}

export const countPairs = ({ examples }: Values): Totals => ({ examples: examples.length });

/** The mean of a loss over pairs, with TRL's metrics. */
export function meanOfPairs(
  { examples }: Values,
  { examples: total }: Totals,
  lossOf: (chosen: Branch, rejected: Branch) => PairLoss,
): Weighed {
  const weighed: Weighed = { loss: 0, weights: [], metrics: {} };
  for (const [chosen, rejected] of examples as [Branch, Branch][]) {
    const pair = lossOf(chosen, rejected);
    const { loss, weights, metrics } = pair;
    weighed.loss += loss / total!;
    weighed.weights.push(weights.map((one) => one.map((weight) => weight / total!)));
    addShares(weighed.metrics, { ...pairMetrics(pair), ...metrics }, total!);
  }
  return weighed;
}

/** Of float32, with which log probabilities are computed: what differs by less is equal. */
const ROUNDING = 2 ** -22;

function pairMetrics({ rewards: [chosen, rejected], logps, beta }: PairLoss) {
  const tie = beta * ROUNDING * (Math.abs(logps[0]) + Math.abs(logps[1]));
  return {
    "rewards/chosen": chosen,
    "rewards/rejected": rejected,
    "rewards/margins": chosen - rejected,
    "rewards/accuracies": Number(chosen - rejected > tie),
    "logps/chosen": logps[0],
    "logps/rejected": logps[1],
  };
}

export function addShares(
  sums: Record<string, number>,
  terms: Readonly<Record<string, number>>,
  total: number,
): void {
  for (const [name, value] of Object.entries(terms)) sums[name] = (sums[name] ?? 0) + value / total;
}
