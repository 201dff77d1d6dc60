import type { Model } from "../models/family.ts";
import { modelLayout, multipliedNumbers } from "../models/layout.ts";

/**
 * What a label costs beyond its token, in tokens: only labels reach the output layer, which in a small model of a large
 * vocabulary has a third of the products. A mixture's experts count as if each token saw all of them.
 */
export function labelCostOf(model: Model): number {
  const { hiddenSize, vocabSize } = model.dimensions;
  const body = multipliedNumbers(modelLayout(model));
  return body === 0 ? 0 : (hiddenSize * vocabSize) / body;
}
