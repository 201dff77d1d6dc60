import type { Tensor } from "./tensor.ts";

/** Everything `outputs` are computed from, themselves included, inputs before users. */
export function reachable(outputs: readonly Tensor[]): Tensor[] {
  const seen = new Set<Tensor>();
  const open = [...outputs];
  for (let t = open.pop(); t; t = open.pop()) {
    if (seen.has(t)) continue;
    seen.add(t);
    open.push(...t.inputs);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}
