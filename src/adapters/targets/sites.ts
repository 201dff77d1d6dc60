import type { Model } from "../../models/family.ts";
import { modelLayout } from "../../models/layout.ts";

/** What of a model an adapter can change, by names of the checkpoint. */
export interface Sites {
  /** As config.json names the family. */
  modelType: string;
  /** Linear layers, the output layer not among them. */
  linears: ReadonlyMap<string, LayerShape>;
  /** Parameters of mixtures' experts, as transformers keeps them. */
  experts: ReadonlyMap<string, LayerShape & { count: number }>;
  embedding: string;
  head: string;
  vocabSize: number;
  hiddenSize: number;
  /** The output layer has no weight of its own. */
  tied: boolean;
  /** Every parameter; of a tied model the output layer's too. */
  parameters: ReadonlyMap<string, readonly number[]>;
}

export interface LayerShape {
  in: number;
  out: number;
}

export function adapterSites(model: Model): Sites {
  const { linears, parameters, experts } = modelLayout(model);
  const { vocabSize, hiddenSize } = model.dimensions;
  const { embedding, head } = model.ends;
  const own = new Map(parameters);
  if (model.tied) own.set(`${head}.weight`, [vocabSize, hiddenSize]);
  return {
    modelType: model.modelType,
    linears,
    experts,
    embedding,
    head,
    vocabSize,
    hiddenSize,
    tied: model.tied,
    parameters: own,
  };
}

/** The shapes of these modules, which get a term. */
export const adaptedShapes = (sites: Sites, modules: readonly string[]): Map<string, AdaptedShape> =>
  new Map(
    modules.map((module) => {
      const shape = siteShape(sites, module)!;
      return [module, module === sites.embedding ? { ...shape, embedding: true } : shape];
    }),
  );

export interface AdaptedShape extends LayerShape {
  embedding?: boolean;
  /** Of a parameter with a matrix for each of so many experts. */
  count?: number;
}

/** The shape of what can have a low-rank term: a linear layer, the embedding [vocabulary → hidden], the head, a parameter of experts. */
export function siteShape(sites: Sites, module: string): AdaptedShape | undefined {
  const { linears, experts, embedding, head, vocabSize, hiddenSize } = sites;
  if (module === embedding) return { in: vocabSize, out: hiddenSize };
  if (module === head) return { in: hiddenSize, out: vocabSize };
  const { in: inputs, out, count } = experts.get(module) ?? {};
  return count === undefined ? linears.get(module) : { in: inputs!, out: out!, count };
}
