import { padEnd, padStart, textWidth } from "../../text/text_width.ts";

/** Rows as lines of equal columns: the first to the left, the others to the right. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => textWidth(row[column] ?? ""))));
  return rows.map(([name, ...cells]) =>
    [padEnd(name!, widths[0]!), ...cells.map((cell, i) => padStart(cell, widths[i + 1]!))].join("  "),
  );
}

/** The same with a line below the head. */
export function table([head, ...rows]: readonly (readonly string[])[]): string {
  const [first, ...body] = alignColumns([head!, ...rows]);
  const rule = "─".repeat(Math.max(...[first!, ...body].map(textWidth)));
  return [first, rule, ...body].join("\n");
}

/** A text on one line, cut where it is wider. */
export function cutTo(text: string, width: number): string {
  const line = text.replace(/\s+/g, " ").trim();
  if (textWidth(line) <= width) return line;
  let start = "";
  for (const character of line) {
    if (textWidth(start + character) >= width) break;
    start += character;
  }
  return `${start}…`;
}
