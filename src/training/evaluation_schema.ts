import * as z from "zod";
import { checkFullSource, checkSource, datasetSource } from "./dataset_schema.ts";

const count = z.int().positive();
const text = z.string().min(1);

const scores = z
  .strictObject({
    pattern: text
      .optional()
      .describe("A regular expression (JavaScript's, flags s and u) that the answer has a match of."),
    schema: text.optional().describe("A file with a JSON Schema that the answer, as JSON, must fit."),
    function: text
      .optional()
      .describe(
        "A TypeScript or JavaScript module whose default export says how good an answer is: (answer, { task, question, prompt, references }) to a number, true or false, or several by name.",
      ),
  })
  .describe("Scores of answers beside those that go without saying.");

/** Other texts than those held out, whose loss before and after shows what was forgotten. */
const forgetting = z.strictObject(datasetSource).superRefine(checkFullSource);

export const evaluation = z
  .strictObject({
    fraction: z.number().gt(0).lt(1).optional().describe("Share of the examples held out."),
    ...datasetSource,
    path: datasetSource.path.describe(
      "Held-out rows of their own, instead of a fraction: a file or dataset as in data; also MMLU's, CMMLU's and C-Eval's CSV files and IFEval's rows.",
    ),
    clusters: z
      .array(text)
      .min(1)
      .optional()
      .describe(
        "Kinds of task (cluster, or the rows' column task) of which no row is trained and all are held out, as FLAN does (Wei et al. 2021).",
      ),
    forgetting: z
      .array(forgetting)
      .min(1)
      .optional()
      .describe("Data of earlier stages, or other text: attune eval tells the loss on it before and after."),
    every: z
      .union([z.literal("epoch"), count], { error: "expected epoch, or a whole number of steps above 0" })
      .optional()
      .describe(
        "Evaluate after each epoch, or after so many steps: epoch when left out. Before the first step and after the last one always.",
      ),
    patience: count.optional().describe("Stop after this many evaluations in a row without a lower loss."),
    generate: count
      .optional()
      .describe("Answer this many held-out rows at each evaluation, and score the answers beside the loss."),
    maxTokens: count
      .optional()
      .describe("Tokens an answer may have; twice the longest right answer when left out."),
    scores: scores.optional(),
  })
  .superRefine(checkSource)
  .superRefine((settings, context) => {
    const issue = (key: string, message: string) =>
      context.addIssue({ code: "custom", message, path: [key] });
    const onceOnly = [settings, ...(settings.forgetting ?? [])].some(
      ({ rows }) => rows && !Array.isArray(rows),
    );
    if (onceOnly) issue("rows", "rows are read more than once here: give a list");
    const isOwn = settings.path !== undefined || settings.rows !== undefined;
    if (settings.fraction === undefined && !isOwn && !settings.clusters)
      issue("fraction", "say what is held out: a fraction, a path, or clusters");
    if (settings.fraction !== undefined && isOwn)
      issue(
        settings.path === undefined ? "rows" : "path",
        "give a fraction of the data or rows of their own, not both",
      );
    if (isOwn) return;
    for (const key of ["config", "split", "format", "columns", "task", "cluster"] as const)
      if (settings[key] !== undefined) issue(key, "says how path is read: give path, too");
  });
