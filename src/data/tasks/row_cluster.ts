import type { DataRow } from "../files/data_row.ts";
import { valueAt } from "../formats/map_columns.ts";
import { isRow, own } from "../formats/row_fields.ts";
import { fillPattern, parsePlaceholders, pathsOf } from "./pattern.ts";

/**
 * The cluster of tasks that a row belongs to: as `cluster` says, a name or a pattern with the row's columns; else what the
 * row's own column "task" says.
 */
export function rowCluster(cluster: string | undefined): (row: unknown) => string | undefined {
  if (cluster === undefined)
    return (row) => {
      const task = isRow(row) ? own(row, "task") : undefined;
      return typeof task === "string" && task !== "" ? task : undefined;
    };
  const pattern = parsePlaceholders(cluster);
  if (pathsOf(pattern).length === 0) return () => cluster;
  return (row) =>
    isRow(row)
      ? fillPattern(pattern, (path) => String(valueAt(row, path) ?? "")).trim() || undefined
      : undefined;
}

/** The rows of the clusters that are wanted; one that belongs to none is asked for as "". */
export async function* clusterRows(
  rows: AsyncIterable<DataRow>,
  cluster: string | undefined,
  isWanted: (name: string) => boolean,
): AsyncGenerator<DataRow> {
  const clusterOf = rowCluster(cluster);
  for await (const row of rows) {
    const name = "value" in row ? clusterOf(row.value) : undefined;
    if (isWanted(name ?? "")) yield row;
  }
}
