import { valueAt } from "../../data/formats/map_columns.ts";
import type { Row } from "../../data/formats/row_fields.ts";
import { openPhrasings } from "../../data/tasks/phrasings.ts";
import type { Task } from "../../data/tasks/task_schema.ts";
import type { Choices } from "./question.ts";

/** What each of a task's choices would answer to a row; nothing where the answer is no choice, as in an inversion. */
export function taskChoices(task: Task): (row: Row, phrasing: number) => Choices | undefined {
  const phrasings = openPhrasings(task);
  const { choices, label, templates } = task;
  if (choices === undefined) return () => undefined;
  return (row, phrasing) => {
    if (phrasing >= templates.length) return undefined;
    const listed = typeof choices === "string" ? valueAt(row, choices) : choices;
    const count = Array.isArray(listed) ? listed.length : 0;
    const answer = (place: unknown) => phrasings[phrasing]!({ ...row, [label]: place }).output;
    const texts = Array.from({ length: count }, (_, place) => answer(place));
    if (new Set(texts).size < 2) return undefined;
    return { texts, right: texts.indexOf(phrasings[phrasing]!(row).output) };
  };
}
