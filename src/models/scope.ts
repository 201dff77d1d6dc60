import { blockMatmul, blockWeight } from "../graph/ops/block_matmul.ts";
import { add } from "../graph/ops/elementwise.ts";
import { int8Matmul, int8Weight } from "../graph/ops/int8_matmul.ts";
import { matmul } from "../graph/ops/matmul.ts";
import { dequantize4bit, quantizedMatmul } from "../graph/ops/quantized_matmul.ts";
import type { Shape, Tensor } from "../graph/tensor.ts";

/**
 * Gives the tensor of a checkpoint's parameter, in the type that is computed in: frozen, trained or still to be made. A buffer
 * is never trained, and its elements are `start` where files lack it.
 */
export type ParameterSource = (name: string, shape: Shape, start?: number) => Tensor;

/** The layer that an adapter sits on. */
export interface LinearLayer {
  /** [out, in], or [in, out] where it is `transposed`; of a quantized layer what its codes stand for. */
  weight: Tensor;
  /** The weight is [in, out]. */
  transposed: boolean;
  /** What the layer makes of another input [T, in], bias aside: [T, out]. */
  product(x: Tensor): Tensor;
}

/**
 * What an adapter makes of the output of a linear layer: `module` is its path, x [T, in] its input, y [T, out] the
 * frozen layer's output without bias.
 */
export type LinearHook = (module: string, x: Tensor, y: Tensor, layer: LinearLayer) => Tensor;

/** Rows x [R, in] through their own expert's matrix: see `expertsMatmul`. */
export type ExpertsProduct = (x: Tensor, weights: readonly Tensor[], turned?: boolean) => Tensor;

/** What a mixture's experts multiply with under one name of transformers'. */
export interface ExpertsLayer {
  count: number;
  /** Of each part of the outputs the experts' matrices, one by one or as one tensor: [out, in], [in, out] where not `turned`. */
  parts: readonly (readonly Tensor[])[];
  turned: boolean;
  product: ExpertsProduct;
}

/** What an adapter makes of the outputs `parts` [R, out] of rows x [R, in]; `parameter` is the name in transformers' model. */
export type ExpertsHook = (parameter: string, x: Tensor, parts: Tensor[], layer: ExpertsLayer) => Tensor[];

/** A place in a checkpoint's tree of modules: families name parameters as the files do. */
export interface Scope {
  at(name: string): Scope;
  /** The parameter `name` of this module. */
  param(name: string, shape: readonly number[]): Tensor;
  /** The same of what is kept beside parameters, and isn't trained: `start`, or 0, where files lack it. */
  buffer(name: string, shape: readonly number[], start?: number): Tensor;
  /** x [T, in] · weightᵀ [out, in] + bias of the linear layer `name`: [T, out]. */
  linear(name: string, x: Tensor, out: number, options?: LinearOptions): Tensor;
  /** Rows x [R, in] through the matrices of their experts, which transformers has in the parameter `name`: each part [R, out]. */
  experts(name: string, x: Tensor, layer: ExpertsLayer): Tensor[];
}

export interface LinearOptions {
  bias?: boolean;
  /** The checkpoint keeps the weight as [in, out]. */
  transposed?: boolean;
  /** No adapter may sit on this layer. */
  fixed?: boolean;
}

/** What becomes of layers' outputs; they stay as they are where nothing is said. */
export interface LayerHooks {
  linear?: LinearHook;
  experts?: ExpertsHook;
}

export const createScope = (source: ParameterSource, hooks: LayerHooks = {}): Scope =>
  scopeAt("", oneOfEach(source), hooks);

/** A parameter that is asked for twice is one tensor, whose gradient is the sum of both. */
function oneOfEach(source: ParameterSource): ParameterSource {
  const made = new Map<string, Tensor>();
  return (name, shape, start) => {
    const tensor = made.get(name) ?? source(name, shape, start);
    made.set(name, tensor);
    return tensor;
  };
}

function scopeAt(path: string, source: ParameterSource, hooks: LayerHooks): Scope {
  const { linear: hook = (_, __, y) => y, experts: expertsHook = (_, __, parts) => parts } = hooks;
  const join = (name: string) => (path ? `${path}.${name}` : name);
  return {
    at: (name) => scopeAt(join(name), source, hooks),
    param: (name, shape) => source(join(name), shape),
    buffer: (name, shape, start = 0) => source(join(name), shape, start),
    linear(name, x, out, { bias = false, transposed = false, fixed = false } = {}) {
      const module = join(name);
      const inputs = x.shape.at(-1)!;
      const weight = source(`${module}.weight`, transposed ? [inputs, out] : [out, inputs]);
      const isTurned = transposed && !weight.op.decodes; // bitsandbytes' codes are always over [out, in]
      const product = (input: Tensor) => linearProduct(input, weight, isTurned);
      const y = fixed ? product(x) : hook(module, x, product(x), { weight, transposed: isTurned, product });
      return bias ? add(y, source(`${module}.bias`, [out])) : y;
    },
    experts(name, x, layer) {
      const parts = layer.parts.map((weights) => layer.product(x, weights, layer.turned));
      return expertsHook(join(name), x, parts, layer);
    },
  };
}

/** x · weightᵀ, or x · weight where the checkpoint keeps it transposed; of 4-bit and int8 weights on their codes. */
function linearProduct(x: Tensor, weight: Tensor, transposed: boolean): Tensor {
  if (weight.op === blockWeight.op && !transposed) return blockMatmul(x, weight);
  if (weight.op === int8Weight.op && !transposed) return int8Matmul(x, weight);
  if (weight.op === dequantize4bit.op && !transposed) return quantizedMatmul(x, weight);
  return matmul(x, weight, { transB: !transposed });
}
