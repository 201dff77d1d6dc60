const LOOKED_AT = 1 << 20; // bytes: the first row is within them, or nobody can be asked for its columns

/** The columns of a file's first row, where they can be seen without reading all of it. */
export async function firstColumns(file: File): Promise<string[]> {
  const text = await file.slice(0, LOOKED_AT).text();
  const name = file.name.toLowerCase();
  if (name.endsWith(".csv") || name.endsWith(".tsv")) return headOf(text, name.endsWith(".tsv") ? "\t" : ",");
  if (!/\.(json|jsonl|ndjson)$/.test(name)) return [];
  const row = firstRow(text);
  return row ? Object.keys(row) : [];
}

function firstRow(text: string): object | undefined {
  const line = text.trimStart().startsWith("[") ? text : text.split("\n").find((one) => one.trim() !== "");
  try {
    const value = JSON.parse(line ?? "");
    const row = Array.isArray(value) ? value[0] : value;
    return typeof row === "object" && row !== null ? row : undefined;
  } catch {
    return undefined;
  }
}

const headOf = (text: string, separator: string) =>
  (text.split(/\r?\n/, 1)[0] ?? "")
    .split(separator)
    .map((name) => name.replace(/^\uFEFF?"?|"$/g, "").trim())
    .filter((name) => name !== "");
