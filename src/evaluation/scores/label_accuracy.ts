import { meanScore, type Score } from "./score.ts";

/**
 * The answer begins with the right one of the labels, and with no longer one: case and white space around it aside, and what
 * follows a mark or a line's end.
 */
export function labelAccuracy(labels: readonly string[]): Score {
  const known = [...new Set(labels.map(plain))].sort((a, b) => b.length - a.length);
  return meanScore("labelAccuracy", (answer, references) => {
    const said = labelOf(plain(answer), known);
    return said !== undefined && references.some((reference) => plain(reference) === said);
  });
}

const plain = (text: string) => text.trim().toLowerCase();

const labelOf = (answer: string, known: readonly string[]) =>
  known.find((label) => answer.startsWith(label) && !/^[\p{L}\p{N}]/u.test(answer.slice(label.length)));
