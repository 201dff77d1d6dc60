import { alignColumns } from "../../evaluation/report/columns.ts";
import { textWidth } from "../../text/text_width.ts";
import type { Bound, ClaimFinding, Unit } from "./claims.ts";

const HEAD = ["claim", "measured", "bound", "figure", "95% interval", "holds"];

/** A line a figure, for a terminal. */
export function labTable(findings: readonly ClaimFinding[]): string {
  const [head, ...rows] = alignColumns([HEAD, ...findings.map(cellsOf)].map(toLeft));
  const rule = "─".repeat(Math.max(...[head!, ...rows].map(textWidth)));
  return [head, rule, ...rows].join("\n");
}

/** The same in Markdown, with each seed's own figure. */
export function labMarkdown(findings: readonly ClaimFinding[]): string {
  const head = [...HEAD, "seeds"];
  const rows = findings.map((one) => [
    ...cellsOf(one),
    one.figure.seeds.length > 1 ? one.figure.seeds.map((value) => written(value, one.unit)).join(", ") : "",
  ]);
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

function cellsOf({ claim, text, bound, figure, unit, holds }: ClaimFinding): string[] {
  const { value, low, high } = figure;
  return [
    claim,
    text,
    bound ? boundText(bound, unit) : "",
    written(value, unit),
    low === high ? "" : `${written(low, unit)} … ${written(high, unit)}`,
    holds === undefined ? "" : holds ? "yes" : "MISSED",
  ];
}

function boundText(bound: Bound, unit: Unit): string {
  if ("atLeast" in bound) return `≥ ${written(bound.atLeast, unit)}`;
  if ("atMost" in bound) return `≤ ${written(bound.atMost, unit)}`;
  return "intervalAbove" in bound ? `interval > ${bound.intervalAbove}` : `interval < ${bound.intervalBelow}`;
}

function written(value: number, unit: Unit): string {
  if (unit === "count") return `${value}`;
  if (unit === "share") return `${(100 * value).toFixed(1)}%`;
  if (unit === "points") return `${value < 0 ? "−" : "+"}${(100 * Math.abs(value)).toFixed(1)}%`;
  return value >= 100 ? value.toFixed(0) : value.toFixed(3);
}

/** The second column is text, too. */
const toLeft = ([claim = "", text = "", ...rest]: string[], _: number, all: string[][]): string[] => {
  const width = Math.max(...all.map((row) => textWidth(row[0] ?? "")));
  return [`${claim}${" ".repeat(width - textWidth(claim))}  ${text}`, ...rest];
};
