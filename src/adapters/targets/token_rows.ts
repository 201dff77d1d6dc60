import { AttuneError } from "../../text/errors.ts";
import type { LoraConfig } from "../lora/lora_config.ts";
import type { Sites } from "./sites.ts";

/**
 * The rows that `trainableTokenIndices` means, by module path: of the input embedding, unless a name says which weight;
 * a tied output layer follows the embedding, as in PEFT.
 * @throws AttuneError that names a module that is neither end of the model, and indices outside the vocabulary.
 */
export function tokenIndices(
  { trainableTokenIndices: wanted }: Pick<LoraConfig, "trainableTokenIndices">,
  sites: Pick<Sites, "embedding" | "head" | "vocabSize" | "tied">,
): Map<string, number[]> {
  if (wanted === undefined) return new Map();
  const named = Array.isArray(wanted) ? { [sites.embedding]: wanted } : wanted;
  return new Map(
    Object.entries(named).map(([name, indices]) => {
      checkIndices(name, indices, sites.vocabSize);
      return [moduleNamed(name, sites), indices];
    }),
  );
}

function moduleNamed(name: string, { embedding, head, tied }: Pick<Sites, "embedding" | "head" | "tied">) {
  const found = [embedding, head].find((module) => module === name || module.endsWith(`.${name}`));
  if (found === undefined)
    throw new AttuneError(
      `trainableTokenIndices: ${name} is neither the embedding, ${embedding}, nor the output layer, ${head}.`,
    );
  if (found === head && tied)
    throw new AttuneError(
      `trainableTokenIndices: the output layer ${head} shares the embedding's weight; name ${embedding}, it follows.`,
    );
  return found;
}

function checkIndices(name: string, indices: readonly number[], vocabSize: number): void {
  const wrong = indices.filter((i, at) => !(i >= 0 && i < vocabSize) || indices.indexOf(i) !== at);
  if (indices.length > 0 && wrong.length === 0) return;
  throw new AttuneError(
    `trainableTokenIndices: ${name} needs different numbers below the vocabulary's ${vocabSize}, got ${wrong.length > 0 ? wrong.slice(0, 10).join(", ") : "none"}.`,
  );
}
