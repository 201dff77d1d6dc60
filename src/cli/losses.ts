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

type MetricsLine = { step: number; loss?: number; evalLoss?: number };

function readLines(path: string): MetricsLine[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return [];
  }
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}
