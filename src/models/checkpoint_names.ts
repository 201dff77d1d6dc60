import { AttuneError } from "../text/errors.ts";
import { LLAMA } from "./decoder.ts";
import type { Family, Names } from "./family.ts";

interface Named {
  readonly name: string;
  readonly file: string;
}

/**
 * The tensors of a checkpoint by the names that the family has for them. As transformers does, finds those of a model that
 * was saved without its output layer, whose names lack the root, and those whose root also stands before the output layer.
 * @throws AttuneError when two tensors have one name.
 */
export function familyNames<T extends Named>(
  tensors: ReadonlyMap<string, T>,
  { names = LLAMA }: Family,
): Map<string, T> {
  const named = new Map<string, T>();
  for (const [found, entry] of tensors) {
    const name = familyName(found, names);
    const other = named.get(name);
    if (other) throw twice(name, other, entry, found);
    named.set(name, name === found ? entry : { ...entry, name });
  }
  return named;
}

/** Tensors by the names they have in the files that transformers writes. */
export function fileNames<T extends { readonly name: string }>(
  tensors: Iterable<T>,
  { names = LLAMA }: Family,
): T[] {
  return Array.from(tensors, (tensor) => {
    const found = names.inFiles?.find(([, here]) => tensor.name.startsWith(here));
    return found ? { ...tensor, name: found[0] + tensor.name.slice(found[1].length) } : tensor;
  });
}

function familyName(name: string, names: Names): string {
  const found = names.inFiles?.find(([inFile]) => name.startsWith(inFile));
  if (found) return found[1] + name.slice(found[0].length);
  const { root, embedding, layers, norm, others = [], head, headAlias } = names;
  const inRoot = [embedding, layers, norm, ...others].map((child) => `${root}.${child}.`);
  const heads = [head, ...(headAlias ? [headAlias] : [])].map((module) => `${module}.`);
  const isKnown = (full: string) => [...inRoot, ...heads].some((start) => full.startsWith(start));
  const stripped = name.startsWith(`${root}.`) ? name.slice(root.length + 1) : name;
  const known = [stripped, name, `${root}.${name}`].find(isKnown) ?? name;
  return headAlias && known.startsWith(`${headAlias}.`) ? head + known.slice(headAlias.length) : known;
}

const twice = (name: string, one: Named, other: Named, found: string) =>
  new AttuneError({
    code: "models.tensor-twice",
    place: other.file,
    problem: `its ${found} is the parameter ${name}, which ${one.file} holds already`,
    wayOut: "Fetch or save the model again",
  });
