/** What a data file holds, once it is decompressed. */
export type DataKind = "json" | "csv" | "tsv" | "parquet" | "text";

const KINDS: ReadonlyMap<string, DataKind> = new Map([
  ["json", "json"], // a list or lines: the first character says
  ["jsonl", "json"],
  ["ndjson", "json"],
  ["csv", "csv"],
  ["tsv", "tsv"],
  ["parquet", "parquet"],
  ["txt", "text"],
  ["text", "text"],
  ["md", "text"],
]);

/** By the name's ending, before that of a compression; undefined when that says nothing. */
export function kindOf(path: string): DataKind | undefined {
  const ending = /\.([^./\\]+?)(?:\.(?:gz|zst))?$/i.exec(path)?.[1];
  return KINDS.get(ending?.toLowerCase() ?? "");
}
