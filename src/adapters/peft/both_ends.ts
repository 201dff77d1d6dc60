import type { Adapter } from "../adapter.ts";
import { kindOf } from "../kinds/kinds.ts";

/** An adapter whose output layer follows the embedding, with what PEFT's files hold of both. */
export function bothEnds(adapter: Adapter): Adapter {
  const { follows, parameters, modules } = adapter;
  if (!follows) return adapter;
  const own = parameters?.get(`${follows.embedding}.weight`);
  if (own) return { ...adapter, parameters: new Map(parameters).set(`${follows.head}.weight`, own) };
  const term = kindOf(adapter).otherEnd!(modules.get(follows.embedding)!);
  return { ...adapter, modules: new Map(modules).set(follows.head, term) };
}
