import { stringify } from "yaml";

/** A key of a recipe, dotted, its value, and why it has it. */
export interface ProposedKey {
  key: string;
  value: unknown;
  reason?: string;
}

/** The keys as one object, as `parseRecipe` takes it. */
export function recipeObject(keys: readonly ProposedKey[]): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const { key, value } of keys) {
    const [top, inner] = key.split(".") as [string, string?];
    if (inner === undefined) result[top] = value;
    else result[top] = { ...(result[top] as object), [inner]: value };
  }
  return result;
}

/** A recipe as YAML: the reason stands above each choice. Keys of one object follow each other. */
export function recipeText(keys: readonly ProposedKey[], head: readonly string[]): string {
  const lines = head.map((line) => comment(line));
  let open: string | undefined;
  for (const { key, value, reason } of keys) {
    const [top, inner] = key.split(".") as [string, string?];
    if (inner !== undefined && top !== open) lines.push(`${top}:`);
    open = inner === undefined ? undefined : top;
    const indent = inner === undefined ? "" : "  ";
    if (reason) lines.push(comment(reason, indent));
    const entry = stringify({ [inner ?? top]: value }, { lineWidth: 0 }).trimEnd();
    lines.push(...entry.split("\n").map((line) => indent + line));
  }
  return `${lines.join("\n")}\n`;
}

const WIDTH = 110;

/** Wrapped at words. A line break of a reason would end the comment. */
function comment(text: string, indent = ""): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line && line.length + word.length + 1 > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  return [...lines, line].map((part) => `${indent}# ${part}`).join("\n");
}
