import { invalidValue, parameterError } from "../read_body.ts";

interface Listed {
  id: string;
}

/**
 * A part of a list by the query's `limit` and `after`, as OpenAI pages. Words of the query that are not `known` besides are
 * refused, so that nothing is ignored in silence. With "order" among them, `all` are the newest first.
 * @throws ApiError that names the parameter at fault.
 */
export function pageOf<T extends Listed>(
  all: readonly T[],
  url: string,
  standard: number,
  known: readonly string[] = [],
) {
  const query = new URL(url).searchParams;
  for (const key of query.keys()) requireKnown(key, ["limit", "after", ...known]);
  const limit = Number(query.get("limit") ?? standard);
  if (!Number.isInteger(limit) || limit < 1 || limit > 10_000) throw wrong("limit", "1 to 10000", query);
  const order = query.get("order") ?? "desc";
  if (order !== "asc" && order !== "desc") throw wrong("order", "asc or desc", query);
  const ordered = order === "asc" ? all.toReversed() : all;
  const start = placeAfter(ordered, query);
  const data = ordered.slice(start, start + limit);
  const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  return { object: "list", data, ...ends, has_more: start + limit < ordered.length };
}

/** `metadata[color]` is one of metadata. */
function requireKnown(key: string, known: readonly string[]): void {
  if (known.includes(key.replace(/\[.*\]$/s, ""))) return;
  throw parameterError(key, "unknown_parameter", { message: `Unknown parameter: '${key}'.` });
}

/** From its start on, the page behind an id that isn't there would lead a client round for ever. */
function placeAfter(all: readonly Listed[], query: URLSearchParams): number {
  const after = query.get("after");
  if (after === null) return 0;
  const found = all.findIndex(({ id }) => id === after);
  if (found === -1) throw wrong("after", "an id of the list", query);
  return found + 1;
}

const wrong = (param: string, expected: string, query: URLSearchParams) =>
  invalidValue(param, expected, query.get(param));

/** Those whose metadata is as the query says: `metadata[color]=red`, or `metadata=null` for none. */
export function byMetadata<T extends { metadata: Record<string, string> | null }>(
  all: readonly T[],
  url: string,
): T[] {
  const query = [...new URL(url).searchParams];
  const wanted = query.flatMap(([key, value]) => {
    const name = /^metadata\[(.*)\]$/s.exec(key)?.[1];
    return name === undefined ? [] : [[name, value] as const];
  });
  const wantsNone = query.some(([key, value]) => key === "metadata" && (value === "null" || value === ""));
  return all.filter(
    ({ metadata }) =>
      wanted.every(([name, value]) => metadata?.[name] === value) && !(wantsNone && metadata !== null),
  );
}
