import type { Tensor } from "../tensor.ts";

/**
 * All that `outputs` are computed from, in the order to write it in, which decides the order it runs in. It follows from
 * the graph's shape alone: however a value was made, or made anew by a pass, the same graph runs the same way.
 *
 * The runtime starts at what nothing else reads, at the last written first, and walks back; of an operation's inputs it
 * computes the last written first. So what is written by depth, the expensive operations in the longest chain behind it,
 * runs deepest input first: the incoming gradient before the forward values that are computed again for it, activations
 * before the weight that is widened for them. Of equals the last input runs first. What nothing reads comes at the end,
 * deepest first: so the loss is computed before any gradient, and the gradients of the last layer before those of the
 * first, as the backward pass makes them, and nothing is kept waiting.
 */
export function schedule(outputs: readonly Tensor[]): Tensor[] {
  const order = inputsFirst(outputs);
  const depths = depthsOf(order);
  const shallowFirst = (a: Tensor, b: Tensor) => depths.get(a)! - depths.get(b)!;
  const read = new Set(order.flatMap(({ inputs }) => inputs));
  const isEnd = (t: Tensor) => t.inputs.length > 0 && !read.has(t);
  return [
    ...order.filter((t) => !isEnd(t)).sort(shallowFirst),
    ...order.filter(isEnd).sort(shallowFirst).reverse(),
  ];
}

/** Inputs before users, from the first output on and from the first input on. */
function inputsFirst(outputs: readonly Tensor[]): Tensor[] {
  const order = new Set<Tensor>();
  const open = [...outputs].reverse();
  const entered = new Set<Tensor>();
  for (let t = open.pop(); t; t = open.pop()) {
    if (entered.has(t)) order.add(t);
    else {
      entered.add(t);
      open.push(t, ...[...t.inputs].reverse().filter((x) => !entered.has(x)));
    }
  }
  return [...order];
}

/**
 * Expensive operations in the longest chain that leads to each of `order`. Were cheap ones counted, too, an activation
 * would run before the linear layer it is multiplied with, and lie between what is kept: 7% more of a 4-bit step's memory.
 */
function depthsOf(order: readonly Tensor[]): ReadonlyMap<Tensor, number> {
  const depths = new Map<Tensor, number>();
  for (const t of order) {
    const behind = t.inputs.reduce((depth, x) => Math.max(depth, depths.get(x)!), 0);
    depths.set(t, behind + Number(t.op.kept !== undefined));
  }
  return depths;
}
