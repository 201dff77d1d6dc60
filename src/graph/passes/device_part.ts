import { cast } from "../ops/elementwise.ts";
import { input, isInput, isWeight } from "../sources.ts";
import { COMPUTE_TYPE, type Tensor } from "../tensor.ts";
import { reachable } from "../walk.ts";
import { rewrite } from "./rewrite.ts";

/** A graph as a GPU computes it, and what the host gives it beside the graph's own inputs. */
export interface DeviceParts {
  /** What the GPU computes, by the outputs' names. */
  device: Record<string, Tensor>;
  /** Worked out on the host in every run, from the integers it is fed; by the names the GPU reads them by. */
  host: Record<string, Tensor>;
  /** Frozen weights as the device holds them: they are placed once. */
  weights: ReadonlyMap<string, FrozenWeight>;
}

export interface FrozenWeight {
  /** Its source: graphs of one model share it. */
  stored: Tensor;
  /** Its values in the type that the device holds. */
  widened: Tensor;
}

/**
 * Takes out of a graph what a GPU can't compute, or not well: 16-bit weights are widened once, on the host, or stay float16 where
 * they are `halved`; so are worked out integers of 64 bits, and the angles of rotary embeddings, since WGSL's sin and cos are good near
 * zero only.
 */
export function deviceParts(
  outputs: Readonly<Record<string, Tensor>>,
  halved: ReadonlySet<Tensor> = new Set(),
): DeviceParts {
  const host: Record<string, Tensor> = {};
  const weights = new Map<string, FrozenWeight>();
  const device = rewrite(outputs, (t, [x]) => {
    if (isWeight(t) && /float/.test(t.dtype)) {
      const { name } = t.attributes;
      const widened = cast(t, halved.has(t) ? "float16" : COMPUTE_TYPE);
      weights.set(name, { stored: t, widened });
      return input(name, t.shape, widened.dtype);
    }
    if (isHostWork(t)) {
      const name = `host ${Object.keys(host).length}`;
      host[name] = t;
      return input(name, t.shape, t.dtype);
    }
    return t.op.converts && x!.dtype === t.dtype ? x : undefined;
  });
  const inputs = new Set(
    reachable(Object.values(device))
      .filter(isInput)
      .map((t) => t.attributes.name),
  );
  const isRead = ([name]: [string, unknown]) => inputs.has(name);
  return {
    device,
    host: Object.fromEntries(Object.entries(host).filter(isRead)),
    weights: new Map([...weights].filter(isRead)),
  };
}

/** A GPU only looks up by integers of 64 bits, and slices none; and what follows from integers alone is fit for the host. */
const isHostWork = (t: Tensor): boolean =>
  t.inputs.length > 0 && (t.op.roughOnGpu === true || isOf64Bits(t) || isOfParts(t)) && isFromIntegers(t);

/** Integers of a row in parts, or what blocks of it have in common. */
const isOfParts = ({ op, dtype }: Tensor): boolean =>
  dtype === "int32" && (op.unrolledOnGpu === true || op.kept === "always");

const isOf64Bits = ({ dtype, inputs }: Tensor): boolean =>
  dtype === "int64" || inputs.some((x) => x.dtype === "int64");

const isFromIntegers = (t: Tensor): boolean =>
  reachable([t]).every((x) => !isWeight(x) && !(isInput(x) && /float/.test(x.dtype)));
