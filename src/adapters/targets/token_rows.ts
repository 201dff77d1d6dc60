import { AttuneError } from "../../text/errors.ts";
import type { AdapterConfig } from "../adapter.ts";
import type { Sites } from "./sites.ts";

type Ends = Pick<Sites, "embedding" | "head" | "vocabSize" | "tied">;

/**
 * The rows that `trainableTokenIndices` means, by module path: of the input embedding, unless a name says which weight.
 * A tied output layer follows the embedding, as in PEFT, unless it is named with rows of its own.
 * @throws AttuneError that names a module that is neither end of the model, and indices outside the vocabulary.
 */
export function tokenIndices(
  {
    trainableTokenIndices: wanted,
    ensureWeightTying,
  }: Pick<AdapterConfig, "trainableTokenIndices" | "ensureWeightTying">,
  sites: Ends,
): Map<string, number[]> {
  if (wanted === undefined) return new Map();
  const named = Array.isArray(wanted) ? { [sites.embedding]: wanted } : wanted;
  const rows = new Map<string, number[]>();
  for (const [name, indices] of Object.entries(named)) {
    checkIndices(name, indices, sites.vocabSize);
    rows.set(moduleNamed(name, sites), indices);
  }
  const [first, last] = [rows.get(sites.embedding), rows.get(sites.head)];
  if (!sites.tied || !first || !last) return rows;
  if (first.join() === last.join()) rows.delete(sites.head);
  else if (ensureWeightTying)
    throw new AttuneError({
      code: "adapters.tied-rows",
      place: "trainableTokenIndices",
      problem: `${sites.embedding} and ${sites.head} are tied (ensureWeightTying) and name different tokens`,
      wayOut: `Name ${sites.embedding} alone, or leave ensureWeightTying out`,
    });
  return rows;
}

function moduleNamed(name: string, { embedding, head }: Ends): string {
  const found = [embedding, head].find((module) => module === name || module.endsWith(`.${name}`));
  if (found !== undefined) return found;
  throw new AttuneError({
    code: "adapters.wrong-token-rows",
    place: "trainableTokenIndices",
    problem: `${name} is neither the embedding, ${embedding}, nor the output layer, ${head}`,
  });
}

function checkIndices(name: string, indices: readonly number[], vocabSize: number): void {
  const wrong = indices.filter((i, at) => !(i >= 0 && i < vocabSize) || indices.indexOf(i) !== at);
  if (indices.length > 0 && wrong.length === 0) return;
  throw new AttuneError({
    code: "adapters.wrong-token-rows",
    place: `trainableTokenIndices: ${name}`,
    expected: `different numbers below the vocabulary's ${vocabSize}`,
    got: wrong.length > 0 ? wrong.slice(0, 10).join(", ") : "none",
  });
}
