import * as z from "zod";
import { AttuneError } from "../../text/errors.ts";
import { parsePlaceholders, pathsOf } from "./pattern.ts";

/** Text that parsePattern reads; each row's should differ, which takes a column. */
const pattern = (columns: "needed" | "allowed") =>
  z
    .string()
    .min(1)
    .max(100_000)
    .superRefine((text, context) => {
      const problem = patternProblem(text, columns === "needed");
      if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
    });

function patternProblem(text: string, needsColumn: boolean): string | undefined {
  try {
    if (pathsOf(parsePlaceholders(text)).length > 0 || !needsColumn) return undefined;
    return "expected a column, as in {{text}}: without one, all rows would read the same";
  } catch (error) {
    if (error instanceof AttuneError) return error.message;
    throw error;
  }
}

const phrasing = z.strictObject({
  input: pattern("needed").describe("What the user says: text with {{column}} where a row's value goes."),
  output: pattern("needed").describe("What the assistant answers, written the same way."),
});

/**
 * A labelled dataset phrased as instructions: natural-language templates with answer choices, inversions and exemplars
 * (FLAN: Wei et al. 2021, https://arxiv.org/abs/2109.01652; T0: Sanh et al. 2021, https://arxiv.org/abs/2110.08207).
 */
export const task = z
  .strictObject({
    templates: z
      .array(phrasing)
      .min(1)
      .max(1000)
      .describe("Phrasings of the task; {{choices}} lists the answer choices, one a line."),
    inversions: z
      .array(phrasing)
      .max(1000)
      .default([])
      .describe("Phrasings of the task turned around, as in: write a review that is {{label}}."),
    heldOut: z
      .array(phrasing)
      .min(1)
      .max(1000)
      .optional()
      .describe(
        "Phrasings that are never trained: attune eval asks the held-out rows in each template and in each of these, and tells how far the scores spread.",
      ),
    phrasings: z
      .enum(["one", "all"])
      .default("one")
      .describe("Each row in one of the phrasings, inversions among them, chosen by the seed; or in all."),
    choices: z
      .union([z.array(pattern("allowed")).min(1).max(10_000), z.string().min(1)])
      .optional()
      .describe("The answers there are, in the order of their labels; or the column that lists a row's own."),
    label: z
      .string()
      .min(1)
      .default("label")
      .describe("With choices: the column that holds the answer's position, counted from 0, or its text."),
    fewShot: z
      .int()
      .min(0)
      .max(64)
      .default(0)
      .describe("Other rows of the file, asked and answered, that come before the question."),
  })
  .describe("Makes instructions of a labelled dataset's rows, the FLAN way.");

/** A task with every default filled in. */
export type Task = z.output<typeof task>;
