/** Levels of a value out of a row: what writes values as text calls itself for each, and has to come back. */
export const DEPTH_LIMIT = 100;

export function isDeeper(value: unknown, limit: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return limit === 0 || Object.values(value).some((one) => isDeeper(one, limit - 1));
}
