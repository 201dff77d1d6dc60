import { parameterError } from "../read_body.ts";

/** A part of a list, by the query's `limit` and `after`, as OpenAI pages. */
export function pageOf<T extends { id: string }>(all: readonly T[], url: string, standard: number) {
  const query = new URL(url).searchParams;
  const limit = Number(query.get("limit") ?? standard);
  if (!Number.isInteger(limit) || limit < 1 || limit > 10_000)
    throw parameterError("limit", "invalid_value", {
      message: "Invalid value for 'limit': expected 1 to 10000.",
    });
  const after = query.get("after");
  const start = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
  const data = all.slice(start, start + limit);
  const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  return { object: "list", data, ...ends, has_more: start + limit < all.length };
}
