import { readFileSync } from "node:fs";

export interface LossAt {
  step: number;
  loss: number;
}

/** The losses in a run's metrics.jsonl, of the steps and of the evaluations between them; none where there is no file. */
export function readLosses(path: string): { training: LossAt[]; evaluation: LossAt[] } {
  const lines = readLines(path);
  const of = (key: "loss" | "evalLoss") =>
    lines.flatMap((line) => (key in line ? [{ step: line.step, loss: line[key]! }] : []));
  return { training: of("loss"), evaluation: of("evalLoss") };
}

/** Tokens of all steps' sequences, and those that were computed: fewer, where examples of a step begin alike. */
export function readTokens(path: string): { tokens: number; computedTokens: number } {
  const lines = readLines(path);
  const total = (key: "tokens" | "computedTokens") => lines.reduce((sum, line) => sum + (line[key] ?? 0), 0);
  return { tokens: total("tokens"), computedTokens: total("computedTokens") };
}

type MetricsLine = {
  step: number;
  loss?: number;
  evalLoss?: number;
  tokens?: number;
  computedTokens?: number;
};

function readLines(path: string): MetricsLine[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return [];
  }
  const whole = text.split("\n").slice(0, -1); // behind the last newline is nothing, or what a kill cut short
  return whole.map((line) => JSON.parse(line));
}
