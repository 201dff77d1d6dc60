import type { Model } from "../../models/family.ts";
import { modelLayout } from "../../models/layout.ts";

/** What of a model an adapter can change, by names of the checkpoint. */
export interface Sites {
  /** As config.json names the family. */
  modelType: string;
  /** Linear layers, the output layer not among them. */
  linears: ReadonlyMap<string, LayerShape>;
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
  const { linears, parameters } = modelLayout(model);
  const { vocabSize, hiddenSize } = model.dimensions;
  const { embedding, head } = model.ends;
  const own = new Map(parameters);
  if (model.tied) own.set(`${head}.weight`, [vocabSize, hiddenSize]);
  return {
    modelType: model.modelType,
    linears,
    embedding,
    head,
    vocabSize,
    hiddenSize,
    tied: model.tied,
    parameters: own,
  };
}

/** The shapes of these modules, which get a term. */
export const adaptedShapes = (
  sites: Sites,
  modules: readonly string[],
): Map<string, LayerShape & { embedding?: boolean }> =>
  new Map(
    modules.map((module) => {
      const shape = siteShape(sites, module)!;
      return [module, module === sites.embedding ? { ...shape, embedding: true } : shape];
    }),
  );

/** The shape of a layer that can have a low-rank term: a linear layer, the embedding [vocabulary → hidden], or the head. */
export function siteShape(sites: Sites, module: string): LayerShape | undefined {
  const { linears, embedding, head, vocabSize, hiddenSize } = sites;
  if (module === embedding) return { in: vocabSize, out: hiddenSize };
  if (module === head) return { in: hiddenSize, out: vocabSize };
  return linears.get(module);
}
