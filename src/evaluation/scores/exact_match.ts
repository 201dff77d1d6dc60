import { meanScore } from "./score.ts";

/** The answer is one of the references, white space around both aside. */
export const isExact = (answer: string, references: readonly string[]): boolean =>
  references.some((reference) => answer.trim() === reference.trim());

export const exactMatch = meanScore("exactMatch", isExact);
