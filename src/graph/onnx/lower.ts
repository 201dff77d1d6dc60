import type { Tensor } from "../tensor.ts";
import { reachable } from "../walk.ts";
import { type OnnxModel, OnnxWriter } from "./writer.ts";

/** The ONNX model that computes `outputs`, by name. Frozen weights stay references into their files. */
export function lower(outputs: Record<string, Tensor>): OnnxModel {
  const onnx = new OnnxWriter();
  const names = new Map<Tensor, string>();
  for (const t of leavesReversed(reachable(Object.values(outputs)))) {
    const inputs = t.inputs.map((i) => names.get(i)!);
    names.set(t, t.op.lower(onnx, inputs, t.attributes, t.inputs, t));
  }
  return onnx.finish(
    new Map(Object.entries(outputs).map(([name, t]) => [name, { value: names.get(t)!, type: t }])),
  );
}

/**
 * `order` with what nothing else reads at its end, youngest first. The runtime works its way from the last node to what
 * that needs: so it meets the gradients of the last layer before those of the first, as the backward pass makes them,
 * and keeps nothing waiting for them.
 */
function leavesReversed(order: readonly Tensor[]): Tensor[] {
  const read = new Set(order.flatMap((t) => t.inputs));
  const isLeaf = (t: Tensor) => t.inputs.length > 0 && !read.has(t);
  return [...order.filter((t) => !isLeaf(t)), ...order.filter(isLeaf).reverse()];
}
