import { FRACTIONS, LOSSES } from "../score_names.ts";
import type { Comparison } from "../scorecard.ts";
import type { Interval } from "../statistics/bootstrap.ts";

/** 86.3% of a fraction, else four digits. */
export function showValue(name: string, value: number): string {
  if (FRACTIONS.has(name)) return `${(100 * value).toFixed(1)}%`;
  const digits = LOSSES.has(name) && Math.abs(value) < 10 ? 4 : 3;
  return Math.abs(value) >= 1e6 ? value.toExponential(3) : value.toFixed(digits);
}

export const showInterval = (name: string, interval: Interval | undefined): string => {
  if (!interval) return "–";
  const { value, low, high } = interval;
  if (low === high) return showValue(name, value);
  return `${showValue(name, value)} (${showValue(name, low)} … ${showValue(name, high)})`;
};

const showP = (p: number) => (p < 0.001 ? "p < 0.001" : `p = ${p.toFixed(3)}`);

/** The scores of a comparison, a row each: name, base, tuned, and the difference with its test. */
export function scoreRows({ base, tuned, difference }: Comparison): string[][] {
  const names = [...new Set([...Object.keys(base), ...Object.keys(tuned ?? {})])];
  const heads = tuned ? ["score", "base", "tuned", "difference", ""] : ["score", "base"];
  const rows = names.map((name) => {
    const own = [name, showInterval(name, base[name])];
    if (!tuned) return own;
    const change = difference?.[name];
    const sign = change && change.value > 0 ? "+" : "";
    const shown = change ? `${sign}${showInterval(name, change)}` : "–";
    return [...own, showInterval(name, tuned[name]), shown, change ? showP(change.p) : ""];
  });
  return [heads, ...rows];
}

/** The score that says most of a kind of task. */
export function mainScore({ base, tuned }: Comparison): string | undefined {
  const known = { ...base, ...tuned };
  const order = [
    "promptLevelStrictAcc",
    "labelAccuracy",
    "exactMatch",
    "acc",
    "jsonSchema",
    "pattern",
    "loss",
  ];
  return order.find((name) => name in known);
}

/** A row for each kind of task: how many rows, its loss, and the score that says most. */
export function taskRows(tasks: Readonly<Record<string, Comparison>>): string[][] {
  const hasTuned = Object.values(tasks).some(({ tuned }) => tuned);
  const columns = hasTuned ? (["base", "tuned"] as const) : (["base"] as const);
  const head = ["task", "rows", ...columns.map((c) => `loss ${c}`), "score", ...columns];
  const rows = Object.entries(tasks).map(([task, comparison]) => {
    const main = mainScore(comparison);
    const of = (name: string) =>
      columns.map((column) => {
        const value = comparison[column]?.[name]?.value;
        return value === undefined ? "–" : showValue(name, value);
      });
    return [task, String(comparison.rows), ...of("loss"), main ?? "–", ...of(main ?? "")];
  });
  return [head, ...rows];
}
