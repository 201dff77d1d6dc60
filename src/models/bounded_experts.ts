import { add, less, mul, scale, shift, sigmoid, where } from "../graph/ops/elementwise.ts";
import { reshape, slice } from "../graph/ops/shape.ts";
import { scalar } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { ExpertRows } from "./experts.ts";
import type { Scope } from "./scope.ts";

const ALPHA = 1.702;
const LIMIT = 7;

/** Gate and up of an expert come from one matrix, whose outputs are theirs in turn: (up + 1) · gate · sigmoid(α · gate). */
export const boundedExperts =
  (p: Scope, { count: n, size: F }: { count: number; size: number }) =>
  ({ rows, product, own }: ExpertRows): Tensor => {
    const D = rows.shape[1] as number;
    const through = (x: Tensor, name: string, [from, to]: [number, number]) => {
      const layer = { count: n, parts: [[p.param(name, [n, from, to])]], turned: false, product };
      return add(p.experts(name, x, layer)[0]!, own(p.param(`${name}_bias`, [n, to])));
    };
    const both = through(rows, "gate_up_proj", [D, 2 * F]);
    const pairs = reshape(both, [both.shape[0]!, F, 2]);
    const part = (i: number) => reshape(slice(pairs, 2, i, i + 1), [both.shape[0]!, F]);
    const gate = atMost(part(0), LIMIT);
    const up = scale(atMost(scale(atMost(part(1), LIMIT), -1), LIMIT), -1);
    const gated = mul(gate, sigmoid(scale(gate, ALPHA)));
    return through(mul(shift(up, 1), gated), "down_proj", [F, D]);
  };

const atMost = (x: Tensor, limit: number): Tensor => where(less(x, scalar(limit, x)), x, scalar(limit, x));
