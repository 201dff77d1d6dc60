import { rmsNorm } from "../graph/ops/norm.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { BlockPart } from "./blocks.ts";
import type { Pass } from "./family.ts";
import { attend, filled, type HeadSizes, type Norm, splitHeads } from "./layers.ts";
import type { RopeParameters } from "./rope_config.ts";
import { type Rotation, rotation } from "./rotary.ts";
import type { Scope } from "./scope.ts";

interface Fields {
  hidden_size: number;
  rms_norm_eps: number;
  attention_bias: boolean;
  sliding_window: number;
  /** Values are what keys are made of, where all is seen. */
  attention_k_eq_v?: boolean;
}

export interface AttentionLayers {
  /** Whether each layer is under a window, and rotates as such. */
  slides: readonly boolean[];
  ropes: { sliding: RopeParameters; full: RopeParameters };
  heads: (layer: number) => HeadSizes;
  /** See `keySources`. */
  sources: readonly number[];
}

/** Attention of Gemma 3n and 4: heads are normed, of values, too, scores aren't scaled, and layers may share keys and values. */
export function gemmaAttention(
  c: Fields,
  norm: Norm,
  { slides, heads, ropes, sources }: AttentionLayers,
  pass: Pass,
): BlockPart {
  const rotations = new Map<string, Rotation>();
  const rotationOf = (layer: number): Rotation => {
    const [kind, { E }] = [slides[layer] ? "sliding" : "full", heads(layer)] as const;
    const known = rotations.get(`${kind} ${E}`) ?? rotation(pass, ropes[kind], E);
    rotations.set(`${kind} ${E}`, known);
    return known;
  };
  const bias = c.attention_bias;
  const keysOf = (p: Scope, x: Tensor, layer: number) => {
    const { K, E } = heads(layer);
    const project = (name: string) => splitHeads(p.linear(name, x, K * E, { bias }), K, 1, E);
    const k = project("k_proj");
    const v = c.attention_k_eq_v && !slides[layer] ? k : project("v_proj");
    const normed = rmsNorm(v, filled(1, E), { eps: c.rms_norm_eps });
    return { k: rotationOf(layer)(norm(p.at("k_norm"), k)), v: normed };
  };
  const made = new Map<number, { k: Tensor; v: Tensor }>();
  return (p, x, layer) => {
    const [{ K, G, E }, source] = [heads(layer), sources[layer]!];
    const q = splitHeads(p.linear("q_proj", x, K * G * E, { bias }), K, G, E);
    const keys = made.get(source) ?? keysOf(p, x, layer);
    made.set(layer, keys);
    const prepared = rotationOf(layer)(norm(p.at("q_norm"), q));
    const window = slides[layer] ? c.sliding_window : undefined;
    const y = attend(pass, source, { q: prepared, ...keys }, { scale: 1, window });
    return p.linear("o_proj", y, c.hidden_size, { bias });
  };
}
