import { readFileSync } from "node:fs";
import type { KernelTime } from "../../report/profile_record.ts";
import { STOPPING_OP } from "../../runtime/no_copies.ts";
import { groupBy } from "../../text/group_by.ts";
import type { NodePlace } from "./places.ts";

/** Chrome's trace format, as the runtime writes it: an event with its duration, in microseconds, for each run of a kernel. */
interface TraceEvent {
  cat: string;
  name: string;
  dur: number;
  args?: {
    op_name?: string;
    input_type_shape?: Types;
    output_type_shape?: Types;
  };
}

/** A type's name and a shape, for each value. */
type Types = Record<string, number[]>[];

const KERNEL = "_kernel_time";
const BESIDE: NodePlace = { phase: "other passes", layer: "positions and masks" };

/** The kernels of a trace, summed by op, place and shapes: those of the largest row each node has seen. */
export function readTrace(path: string, places: ReadonlyMap<string, NodePlace>): KernelTime[] {
  const events: TraceEvent[] = JSON.parse(readFileSync(path, "utf8"));
  const nodes = new Map<string, KernelTime & { largest: number }>();
  for (const { cat, name, dur, args = {} } of events) {
    if (cat !== "Node" || !name.endsWith(KERNEL)) continue;
    const node = name.slice(0, -KERNEL.length);
    const op = args.op_name ?? "?";
    if (op === "Scan" || op === STOPPING_OP) continue; // a Scan's body has events of its own
    const [inputs, outputs] = [valuesOf(args.input_type_shape), valuesOf(args.output_type_shape)];
    const sum = nodes.get(node) ?? {
      ...{ op, ...(places.get(node) ?? BESIDE), shapes: "", largest: -1 },
      ...{ calls: 0, seconds: 0, operations: 0, bytes: 0, inIntegers: /Integer|QuantizeMatMul/.test(op) },
    };
    const size = [...inputs, ...outputs].reduce((n, value) => n + value.size, 0);
    if (size > sum.largest) Object.assign(sum, { largest: size, shapes: shapesOf(inputs) });
    sum.calls++;
    sum.seconds += dur / 1e6;
    sum.operations += operationsOf(op, inputs, outputs);
    sum.bytes += [...inputs, ...outputs].reduce((n, { type, size }) => n + size * (BYTES[type] ?? 4), 0);
    nodes.set(node, sum);
  }
  const alike = groupBy(nodes.values(), (one) => [one.op, one.phase, one.layer, one.shapes].join("|"));
  return [...alike.values()].map(added);
}

function added([first, ...others]: readonly (KernelTime & { largest: number })[]): KernelTime {
  const { largest: _, ...sum } = first!;
  for (const { calls, seconds, operations, bytes } of others) {
    sum.calls += calls;
    sum.seconds += seconds;
    sum.operations += operations;
    sum.bytes += bytes;
  }
  return sum;
}

const shapesOf = (values: readonly Value[]) =>
  values
    .filter(({ shape }) => shape.length > 0)
    .map(({ type, shape }) => `${type === "float" ? "" : `${type} `}[${shape.join(", ")}]`)
    .join(" × ");

interface Value {
  type: string;
  shape: number[];
  size: number;
}

const valuesOf = (types: Types = []): Value[] =>
  types.flatMap((one) =>
    Object.entries(one).map(([type, shape]) => ({ type, shape, size: shape.reduce((n, d) => n * d, 1) })),
  );

const BYTES: Record<string, number> = {
  ...{ float: 4, double: 8, float16: 2, bfloat16: 2 },
  ...{ int64: 8, int32: 4, int8: 1, uint8: 1, bool: 1 },
};

/** What only moves or names values computes nothing. */
const MOVES =
  /^(Transpose|Reshape|Concat|Split|Slice|Gather|GatherElements|Expand|Shape|Squeeze|Unsqueeze|Identity|Cast|Constant.*)$/;

/** A product's are two for each of its terms; of all else one for each value it reads or writes, whichever are more. */
function operationsOf(op: string, inputs: readonly Value[], outputs: readonly Value[]): number {
  if (MOVES.test(op)) return 0;
  const [a, y] = [inputs[0], outputs[0]];
  if (!a || !y) return 0;
  if (!/MatMul|Gemm/.test(op)) return Math.max(a.size, y.size);
  const [rows, columns] = [a.shape.at(-2) ?? 1, a.shape.at(-1) ?? 1];
  const inner = rows === y.shape.at(-2) ? columns : rows; // a may be read as its transpose
  return 2 * y.size * inner;
}
