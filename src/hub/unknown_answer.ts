import * as z from "zod";
import { AttuneError } from "../text/errors.ts";
import { schemaProblem } from "../text/schema_faults.ts";

/**
 * An answer that is not of the shape that its hub documents.
 * @param place the address that gave it
 * @param error what reading it threw
 */
export const unknownAnswer = (
  { place, about = "", wayOut }: { place: string; about?: string; wayOut: string },
  error: unknown,
): AttuneError =>
  new AttuneError(
    {
      code: "hub.unknown-answer",
      place,
      problem: `the answer${about} has a shape that attune does not know (${reason(error)})`,
      wayOut,
    },
    { cause: error },
  );

function reason(error: unknown): string {
  if (error instanceof z.ZodError) return schemaProblem(error).slice(0, 200);
  if (error instanceof TypeError) return "its JSON is of another shape"; // @huggingface/hub doesn't look
  return (error as Error).message.slice(0, 200);
}
