import { AttuneError } from "../../text/errors.ts";
import type { DataRow } from "../files/data_row.ts";
import { isRow } from "../formats/row_fields.ts";
import type { Phrasing, Turn } from "./phrasings.ts";

/** `count` exemplars for a question, other than the question. `random(i)` is an integer of [0, 2^32). */
export type ChooseExemplars = (question: Turn, random: (i: number) => number) => Turn[];

/** Chooses among the rows that a task begins with, said in one phrasing; rows that can't be said are passed. */
export function openExemplars(phrasing: Phrasing, first: readonly DataRow[], count: number): ChooseExemplars {
  return (question, random) => {
    // Whoever asks the same is the row itself, or gives its answer away.
    const asked = new Set([question.input]);
    const chosen: Turn[] = [];
    for (const i of shuffled(first.length, random)) {
      if (chosen.length === count) break;
      const exemplar = say(phrasing, first[i]!);
      if (exemplar === undefined || asked.has(exemplar.input)) continue;
      asked.add(exemplar.input);
      chosen.push(exemplar);
    }
    if (chosen.length < count)
      throw new AttuneError({
        code: "data.few-exemplars",
        place: "task.fewShot",
        expected: `${count} other questions among the first ${first.length} rows`,
        got: `${chosen.length}`,
      });
    return chosen;
  };
}

function say(phrasing: Phrasing, row: DataRow): Turn | undefined {
  if ("problem" in row || !isRow(row.value)) return undefined;
  try {
    return phrasing(row.value);
  } catch (error) {
    if (error instanceof AttuneError) return undefined;
    throw error;
  }
}

/** The numbers 0 to n - 1 in random order (Fisher-Yates), of which only those that are taken are drawn. */
function* shuffled(n: number, random: (i: number) => number): Generator<number> {
  const moved = new Map<number, number>();
  for (let i = 0; i < n; i++) {
    const other = i + Math.floor((random(i) / 2 ** 32) * (n - i));
    yield moved.get(other) ?? other;
    moved.set(other, moved.get(i) ?? i);
  }
}
