import * as z from "zod";

/** Of a dataset: what share of an epoch it gets. */
export const datasetShare = {
  weight: z
    .number()
    .positive()
    .max(10_000)
    .optional()
    .describe("Times an epoch takes each example, 1 when left out; 0.5 takes half of them, by turns."),
  maxExamples: z
    .int()
    .positive()
    .optional()
    .describe("An epoch takes this many examples of a larger dataset (times weight), other ones each epoch."),
};

/** How several datasets share an epoch. */
export const mixture = z
  .strictObject({
    temperature: z
      .number()
      .positive()
      .default(1)
      .describe(
        "1 mixes in proportion to size; higher temperatures make small datasets' shares larger (Raffel et al. 2020).",
      ),
  })
  .describe("How datasets share an epoch, whose length stays what weight and maxExamples make it.");
