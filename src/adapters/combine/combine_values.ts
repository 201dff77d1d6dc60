/** Combines tensors of one shape, entry by entry, as PEFT's utils/merge_utils.py does. */
import type { MethodTraits } from "./methods.ts";

export type MajoritySign = "total" | "frequency";
type Values = Float64Array | Float32Array;

/** A tensor, what it counts for, and its random numbers: uniform over [0, 1), by index. */
export interface WeightedTensor {
  values: Values;
  weight: number;
  uniform: (index: number) => number;
}

export interface CombineValuesOptions extends Pick<MethodTraits, "prune" | "sum"> {
  density?: number;
  majoritySign: MajoritySign;
}

/** Prunes each tensor, weighs it, and adds them up. */
export function combineValues(tasks: readonly WeightedTensor[], options: CombineValuesOptions): Float64Array {
  const pruned = tasks.map((task) => ({ ...task, values: prune(task, options) }));
  return options.sum === "agreeing" ? agreeingMean(pruned, options.majoritySign) : weightedSum(pruned);
}

function prune(
  { values, uniform }: WeightedTensor,
  { prune: which, density = 1 }: CombineValuesOptions,
): Values {
  if (which === undefined || density === 1) return values;
  return which === "smallest" ? keepLargest(values, density) : dropRandom(values, density, uniform);
}

/** The `density` share of values that is largest in size, the others 0 (Yadav et al. 2023, https://arxiv.org/abs/2306.01708). */
function keepLargest(values: Values, density: number): Float64Array {
  const count = Math.trunc(density * values.length);
  const kept = new Float64Array(values.length);
  if (count === 0) return kept;
  const threshold = Float64Array.from(values, Math.abs).sort()[values.length - count]!;
  let atThreshold = count;
  for (const value of values) if (Math.abs(value) > threshold) atThreshold--;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]!);
    if (size > threshold || (size === threshold && atThreshold-- > 0)) kept[i] = values[i]!;
  }
  return kept;
}

/** Each value is kept with probability `density`, and grows by as much (DARE: Yu et al. 2023, https://arxiv.org/abs/2311.03099). */
const dropRandom = (values: Values, density: number, uniform: WeightedTensor["uniform"]): Float64Array =>
  Float64Array.from(values, (value, i) => (uniform(i) < density ? value / density : 0));

function weightedSum(tasks: readonly WeightedTensor[]): Float64Array {
  const sum = new Float64Array(tasks[0]!.values.length);
  for (const { values, weight } of tasks) for (let i = 0; i < sum.length; i++) sum[i]! += weight * values[i]!;
  return sum;
}

/** TIES: at each place the mean of the weighted values whose own sign, before weighing, is the majority's. */
function agreeingMean(tasks: readonly WeightedTensor[], majoritySign: MajoritySign): Float64Array {
  const mean = new Float64Array(tasks[0]!.values.length);
  for (let i = 0; i < mean.length; i++) {
    const sign = electSign(tasks, i, majoritySign);
    let [sum, count] = [0, 0];
    for (const { values, weight } of tasks) {
      if (Math.sign(values[i]!) !== sign) continue;
      sum += weight * values[i]!;
      count++;
    }
    mean[i] = sum / Math.max(1, count);
  }
  return mean;
}

/** Of the sum of values or of their signs; a tie is positive. */
function electSign(tasks: readonly WeightedTensor[], i: number, majoritySign: MajoritySign): 1 | -1 {
  let sum = 0;
  for (const { values } of tasks) sum += majoritySign === "total" ? values[i]! : Math.sign(values[i]!);
  return sum >= 0 ? 1 : -1;
}
