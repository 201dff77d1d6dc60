import { type InputAttributes, input } from "../graph/sources.ts";
import { sizeOf, type Tensor } from "../graph/tensor.ts";
import type { Model } from "./family.ts";
import { rowPass } from "./row_pass.ts";
import { createScope, type ExpertsLayer } from "./scope.ts";

/** What a model is made of: its parameters by checkpoint name, and its linear layers by module path. */
export interface ModelLayout {
  readonly parameters: ReadonlyMap<string, readonly number[]>;
  /** Linear layers an adapter can sit on; the output layer is none of them. */
  readonly linears: ReadonlyMap<string, { in: number; out: number }>;
  /** Those of them whose weights the checkpoint keeps as [in, out]. */
  readonly transposed: ReadonlySet<string>;
  /** Those of the parameters that are never trained, and what they are where a file lacks them. */
  readonly buffers: ReadonlyMap<string, number>;
  /** What mixtures' experts multiply with, by the parameters that transformers keeps it in. */
  readonly experts: ReadonlyMap<string, ExpertsSite>;
}

/** Numbers of the matrices that linear layers multiply by. */
export const linearNumbers = ({ linears }: Pick<ModelLayout, "linears">): number =>
  [...linears.values()].reduce((sum, layer) => sum + layer.in * layer.out, 0);

/** With those of all experts. */
export const multipliedNumbers = (layout: Pick<ModelLayout, "linears" | "experts">): number =>
  [...layout.experts.values()].reduce(
    (sum, { count, in: from, out }) => sum + count * from * out,
    linearNumbers(layout),
  );

export interface ExpertsSite {
  count: number;
  in: number;
  /** Of all parts together. */
  out: number;
  /** Names of the tensors that hold each part of the outputs: one for all experts, or one for each. */
  parts: readonly (readonly string[])[];
  /** The matrices are kept as [out, in], else as [in, out]. */
  turned: boolean;
}

const known = new WeakMap<Model, ModelLayout>();

/** What the model asks for; it is walked once, however often it is asked. */
export function modelLayout(model: Model): ModelLayout {
  return known.get(model) ?? walkModel(model, () => true).layout;
}

const MANY = 200_000; // parameters: the largest models there are have a tenth of it

/** How many numbers the parameters are; of a model of absurdly many, those of the first. */
export function countParameters(model: Model): { numbers: number; isWhole: boolean } {
  let [numbers, parameters] = [0, 0];
  const { isWhole } = walkModel(model, (_, shape) => {
    numbers += sizeOf(shape);
    parameters++;
    return parameters < MANY;
  });
  return { numbers, isWhole };
}

/** Ends a walk early. */
const ENOUGH = new Error("enough is known of the model");

/**
 * @param onParameter is called with each parameter before anything is built from it, and says whether the walk goes on:
 *   sizes of a damaged config.json would keep it going for hours
 * @returns the layout, or as much of it as was walked
 */
export function walkModel(
  model: Model,
  onParameter: (name: string, shape: readonly number[]) => boolean,
): { layout: ModelLayout; isWhole: boolean } {
  const parameters = new Map<string, readonly number[]>();
  const linears = new Map<string, { in: number; out: number }>();
  const transposed = new Set<string>();
  const buffers = new Map<string, number>();
  const experts = new Map<string, ExpertsSite>();
  const layout = { parameters, linears, transposed, buffers, experts };
  const scope = createScope(
    (name, shape, start) => {
      if (start !== undefined) buffers.set(name, start);
      const isNew = !parameters.has(name);
      parameters.set(name, shape as readonly number[]);
      if (isNew && !onParameter(name, shape as readonly number[])) throw ENOUGH;
      return input(name, shape);
    },
    {
      linear(module, x, y, { transposed: isTransposed }) {
        if (isTransposed) transposed.add(module);
        linears.set(module, { in: x.shape.at(-1) as number, out: y.shape.at(-1) as number });
        return y;
      },
      experts(parameter, x, outputs, layer) {
        experts.set(parameter, expertsSite(x, outputs, layer));
        return outputs;
      },
    },
  );
  try {
    model.decode(scope, rowPass());
  } catch (error) {
    if (error !== ENOUGH) throw error;
    return { layout, isWhole: false };
  }
  known.set(model, layout);
  return { layout, isWhole: true };
}

/** Names of the tensors that hold the weight of a layer, or of a parameter of experts. */
export const weightsOf = (module: string, model: Model): string[] =>
  modelLayout(model).experts.get(module)?.parts.flat() ?? [`${module}.weight`];

const width = (t: Tensor) => t.shape.at(-1) as number;

function expertsSite(
  x: Tensor,
  outputs: readonly Tensor[],
  { count, parts, turned }: ExpertsLayer,
): ExpertsSite {
  const out = outputs.reduce((sum, part) => sum + width(part), 0);
  const names = parts.map((weights) => weights.map(({ attributes }) => (attributes as InputAttributes).name));
  return { count, in: width(x), out, parts: names, turned };
}
