import { AttuneError } from "../../text/errors.ts";

/** Levels of a value out of a row: what writes values as text calls itself for each, and has to come back. */
export const DEPTH_LIMIT = 100;

export const tooDeep = (place: string): AttuneError =>
  new AttuneError({ code: "data.too-deep", place, problem: `nested more than ${DEPTH_LIMIT} deep` });

export function isDeeper(value: unknown, limit: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return limit === 0 || Object.values(value).some((one) => isDeeper(one, limit - 1));
}
