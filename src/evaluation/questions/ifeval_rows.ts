import type { Origin } from "../../data/example.ts";
import { isRow, optionalList, own, type Row, requiredText } from "../../data/formats/row_fields.ts";
import { AttuneError } from "../../text/errors.ts";
import type { Arguments } from "../ifeval/arguments.ts";
import { openInstructions } from "../ifeval/follow.ts";
import type { Question } from "./question.ts";

export const isIfeval = (row: unknown): row is Row =>
  isRow(row) && own(row, "instruction_id_list") !== undefined && own(row, "prompt") !== undefined;

/** A row of IFEval's input_data.jsonl: a prompt, and instructions whose following can be verified. */
export function ifevalQuestion(row: Row, origin: Origin): Question {
  const ids = optionalList(row, "instruction_id_list");
  const kwargs = optionalList(row, "kwargs");
  if (ids.length === 0 || !ids.every((id) => typeof id === "string"))
    throw new AttuneError({
      code: "evaluation.instructions",
      place: '"instruction_id_list"',
      expected: "a list of the names of instructions",
    });
  if (!kwargs.every(isRow))
    throw new AttuneError({
      code: "evaluation.instructions",
      place: '"kwargs"',
      expected: "a list of objects",
    });
  const place = `${origin.file} row ${origin.row}`;
  return {
    origin,
    task: "ifeval",
    prompt: { kind: "chat", messages: [{ role: "user", content: requiredText(row, "prompt") }] },
    references: [],
    isGenerated: true,
    follow: openInstructions(ids as string[], kwargs as Arguments[], place),
  };
}
