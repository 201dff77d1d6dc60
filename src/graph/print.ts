import { show, type Tensor } from "./tensor.ts";
import { reachable } from "./walk.ts";

/** The graph behind `outputs` as text, a line a value, numbered in order: what a reviewer sees change. */
export function print(outputs: Record<string, Tensor>): string {
  const order = reachable(Object.values(outputs));
  const number = new Map(order.map((t, i) => [t, `%${i}`]));
  const lines = order.map((t) => {
    const inputs = t.inputs.map((x) => number.get(x)).join(", ");
    const attributes = Object.entries(t.attributes)
      .filter(([key]) => !["dtype", "shape", "source"].includes(key))
      .map(([key, value]) => ` ${key}=${Array.isArray(value) ? `[${value}]` : value}`)
      .join("");
    return `${number.get(t)} ${show(t)} = ${t.op.name}(${inputs})${attributes}`;
  });
  return [...lines, ...Object.entries(outputs).map(([name, t]) => `${name} = ${number.get(t)}`)].join("\n");
}
