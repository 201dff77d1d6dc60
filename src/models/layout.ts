import { moduleOf } from "../files/tensor_names.ts";
import { input } from "../graph/sources.ts";
import { isQuantized } from "../quantization/quantized_entry.ts";
import { AttuneError } from "../text/errors.ts";
import type { Model } from "./family.ts";
import { rowPass } from "./row_pass.ts";
import { createScope } from "./scope.ts";

/** What a model is made of: its parameters by checkpoint name, and its linear layers by module path. */
export interface ModelLayout {
  readonly parameters: ReadonlyMap<string, readonly number[]>;
  /** Linear layers an adapter can sit on; the output layer is none of them. */
  readonly linears: ReadonlyMap<string, { in: number; out: number }>;
  /** Those of them whose weights the checkpoint keeps as [in, out]. */
  readonly transposed: ReadonlySet<string>;
}

const known = new WeakMap<Model, ModelLayout>();

/** What the model asks for; it is walked once, however often it is asked. */
export function modelLayout(model: Model): ModelLayout {
  const layout = known.get(model) ?? walk(model);
  known.set(model, layout);
  return layout;
}

function walk(model: Model): ModelLayout {
  const parameters = new Map<string, readonly number[]>();
  const linears = new Map<string, { in: number; out: number }>();
  const transposedOnes = new Set<string>();
  const scope = createScope(
    (name, shape) => {
      parameters.set(name, shape as readonly number[]);
      return input(name, shape);
    },
    (module, x, y, { transposed }) => {
      if (transposed) transposedOnes.add(module);
      linears.set(module, { in: x.shape.at(-1) as number, out: y.shape.at(-1) as number });
      return y;
    },
  );
  model.decode(scope, rowPass());
  return { parameters, linears, transposed: transposedOnes };
}

/** Tensors that files carry and nothing is computed from: old buffers, and the copy of a tied weight. */
const IGNORED = /\.rotary_emb\.inv_freq$|\.(self_attn|attn|attention)\.(masked_)?bias$/;
const OUTPUT_LAYERS = new Set(["lm_head.weight", "embed_out.weight"]);

/** Refuses a checkpoint whose tensors are not the model's, naming all that differ. */
export function checkTensors(
  model: Model,
  tensors: ReadonlyMap<string, { shape: readonly number[]; file: string }>,
  path: string,
): void {
  const { parameters, transposed } = modelLayout(model);
  const problems: string[] = [];
  for (const [name, shape] of parameters) {
    const found = tensors.get(name);
    if (!found) problems.push(`${name} is missing`);
    else {
      // Codes lie over [out, in] where the checkpoint keeps weights as [in, out]: Conv1D, quantized.
      const isTurned = isQuantized(found) && transposed.has(moduleOf(name));
      const wanted = isTurned ? shape.toReversed() : shape;
      if (found.shape.join() !== wanted.join())
        problems.push(
          `${name} is [${found.shape.join(", ")}] in ${found.file}; config.json asks for [${wanted.join(", ")}]`,
        );
    }
  }
  for (const name of tensors.keys())
    if (!parameters.has(name) && !IGNORED.test(name) && !(model.tied && OUTPUT_LAYERS.has(name)))
      problems.push(`${name} is not part of a ${model.modelType} model with this config.json`);
  if (problems.length === 0) return;
  const shown = problems.slice(0, 10).map((problem) => `  ${problem}`);
  if (problems.length > shown.length) shown.push(`  … and ${problems.length - shown.length} more`);
  throw new AttuneError(`${path}: the tensors do not fit config.json:\n${shown.join("\n")}`);
}
