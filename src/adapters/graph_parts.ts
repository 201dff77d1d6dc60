import { input } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { AdapterParts } from "./adapt_model.ts";
import type { Adapter } from "./adapter.ts";
import { made } from "./kinds/graph_terms.ts";
import type { PartSources } from "./kinds/kind.ts";
import { kindOf } from "./kinds/kinds.ts";

/** Names under which an adapter's tensors are fed; those of its terms are its kind's. */
export const ownNames = {
  /** A parameter in place of the base's, which a tied model may need beside it. */
  parameter: (name: string) => `adapter ${name}`,
  rows: (module: string) => `${module}.trainable_tokens`,
};

/**
 * The parts of an adapter as inputs of a graph, or as `sources` says. All are made at once, while the adapter holds its
 * data: what is trained is lent away later.
 */
export function adapterParts(adapter: Adapter, sources: PartSources = {}): AdapterParts {
  const { parameter = (name, shape) => input(name, shape) } = sources;
  return {
    term: none,
    gain: none,
    ...kindOf(adapter).parts(adapter, sources),
    parameter: ofBothEnds(
      adapter,
      made(adapter.parameters, (name, own) => parameter(ownNames.parameter(name), own.shape, own.data)),
    ),
    rows: made(adapter.tokens, (module, { indices, data }) => {
      const n = indices.length;
      return { indices, rows: parameter(ownNames.rows(module), [n, data.length / n], data) };
    }),
  };
}

const none = () => undefined;

/** A tied output layer's weight is the embedding's. */
const ofBothEnds =
  ({ follows }: Adapter, parameter: (name: string) => Tensor | undefined) =>
  (name: string) =>
    parameter(follows && name === `${follows.head}.weight` ? `${follows.embedding}.weight` : name);
