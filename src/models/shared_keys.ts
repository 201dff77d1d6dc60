/** Models whose last layers have no keys and values of their own, and read those of an earlier layer of their kind. */
import { notComputed } from "./config.ts";
import type { KeptStates } from "./family.ts";
import type { HeadSizes } from "./layers.ts";

/** By layer the one whose keys and values it reads: itself, or the last layer of its kind before the sharing ones. */
export function keySources(slides: readonly boolean[], shared: number): number[] {
  const first = slides.length - shared;
  return slides.map((kind, layer) => {
    const source = layer < first ? layer : slides.lastIndexOf(kind, first - 1);
    if (first > 0 && source >= 0) return source;
    throw notComputed([
      {
        place: "num_kv_shared_layers",
        problem: `layer ${layer} has no layer of its kind before those that share keys and values`,
        got: String(shared),
      },
    ]);
  });
}

/** What decoding keeps of a token in `layer`. */
export const keptOfSources =
  (sources: readonly number[], heads: (layer: number) => HeadSizes) =>
  (layer: number): KeptStates => {
    const { K, E } = heads(layer);
    return sources[layer] === layer ? { key: [K, E], value: [K, E] } : {};
  };

/** Published files have keys and values of those layers nevertheless; transformers passes them over. */
export function unreadKeys(sources: readonly number[]): RegExp | undefined {
  const layers = sources.flatMap((source, layer) => (source === layer ? [] : [layer]));
  if (layers.length === 0) return undefined;
  return new RegExp(`\\.layers\\.(${layers.join("|")})\\.self_attn\\.(k_proj|v_proj|k_norm|v_norm)\\.`);
}
