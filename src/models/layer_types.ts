import * as z from "zod";
import { notComputed } from "./config.ts";

/** `layer_types` of config.json: what each layer sees. "attention" is an older name of "full_attention". */
export const layerTypes = z.array(z.enum(["full_attention", "sliding_attention", "attention"])).nullish();
export type LayerTypes = z.output<typeof layerTypes>;

interface Fields {
  num_hidden_layers: number;
  layer_types?: LayerTypes;
  sliding_window?: number | null;
}

/**
 * Whether each layer slides: as `layer_types` lists, or where the list is missing as `otherwise` says, which is how
 * transformers 4 decided.
 */
export function slidingLayers(c: Fields, otherwise: (layer: number) => boolean): boolean[] {
  const types = c.layer_types;
  requireEveryLayer(c);
  return Array.from({ length: c.num_hidden_layers }, (_, layer) =>
    types ? types[layer] === "sliding_attention" : otherwise(layer),
  );
}

/** @throws AttuneError where `layer_types` lists more or fewer layers than there are. */
export function requireEveryLayer(c: { num_hidden_layers: number; layer_types?: readonly string[] | null }) {
  const [count, listed] = [c.num_hidden_layers, c.layer_types?.length];
  if (listed === undefined || listed === count) return;
  throw notComputed([
    {
      place: "layer_types",
      expected: `${count} entries, as num_hidden_layers says`,
      got: String(listed),
    },
  ]);
}

/** `sliding_window` of families that may leave it unused: then it is anything. */
export const unusedWindow = z
  .int()
  .nonnegative()
  .max(2 ** 31 - 1)
  .nullable();

/** The attention window of each layer, nothing for all of the past. */
export const layerWindows = (c: Fields, otherwise: (layer: number) => boolean): (number | undefined)[] =>
  slidingLayers(c, otherwise).map((slides) => (slides ? usedWindow(c) : undefined));

/** @throws AttuneError where nothing would be seen. */
export function usedWindow({ sliding_window: window }: Pick<Fields, "sliding_window">): number | undefined {
  if (window === 0) throw notComputed([{ place: "sliding_window", expected: "a number above 0", got: "0" }]);
  return window ?? undefined;
}
