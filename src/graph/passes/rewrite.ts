import { apply, type Tensor } from "../tensor.ts";
import { reachable } from "../walk.ts";

type Outputs = Readonly<Record<string, Tensor>>;

/**
 * The graph of `outputs` with some of its tensors changed: `change` gets each one and its inputs as they are by then, and
 * gives what takes its place; undefined leaves it as it is, over those inputs.
 */
export function rewrite(
  outputs: Outputs,
  change: (t: Tensor, inputs: readonly Tensor[]) => Tensor | undefined,
): Record<string, Tensor> {
  const changed = new Map<Tensor, Tensor>();
  for (const t of reachable(Object.values(outputs))) {
    const inputs = t.inputs.map((x) => changed.get(x)!);
    const isSame = inputs.every((x, i) => x === t.inputs[i]);
    changed.set(t, change(t, inputs) ?? (isSame ? t : apply(t.op, inputs, t.attributes)));
  }
  return Object.fromEntries(Object.entries(outputs).map(([name, t]) => [name, changed.get(t)!]));
}
