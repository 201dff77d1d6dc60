import { meanScore } from "./score.ts";

/** One of the references stands in the answer. */
export const contains = meanScore("contains", (answer, references) =>
  references.some((reference) => answer.includes(reference.trim())),
);
