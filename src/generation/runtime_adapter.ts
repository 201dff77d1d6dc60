import { type LoraTerm, loraHook, loraNames } from "../adapters/lora.ts";
import { loraScale } from "../adapters/lora_config.ts";
import type { Adapter } from "../adapters/peft.ts";
import { input } from "../graph/sources.ts";
import type { LinearHook } from "../models/scope.ts";
import type { TensorData } from "../runtime/session.ts";

/** Adapters of one signature, the same modules at the same ranks, run on one compiled graph. */
export const adapterSignature = ({ modules }: Adapter): string =>
  [...modules]
    .map(([module, { r }]) => `${module}:${r}`)
    .sort()
    .join();

/** Adds the terms of an adapter of this signature, which is fed: A, and B times its scale. */
export function adapterHook({ modules }: Adapter): LinearHook {
  return loraHook((module): LoraTerm | undefined => {
    const weights = modules.get(module);
    if (!weights) return undefined;
    const names = loraNames(module);
    return {
      A: input(names.A, [weights.r, weights.in]),
      B: input(names.B, [weights.out, weights.r]),
      scale: 1,
    };
  });
}

/** What a session opened with `adapterHook` is fed for `adapter`. */
export function adapterFeeds({ config, modules }: Adapter): Record<string, TensorData> {
  const scale = loraScale(config);
  const feeds: Record<string, TensorData> = {};
  for (const [module, { A, B, r, in: inputs, out }] of modules) {
    const names = loraNames(module);
    feeds[names.A] = { dtype: "float32", shape: [r, inputs], data: A.slice() };
    feeds[names.B] = { dtype: "float32", shape: [out, r], data: B.map((value) => value * scale) };
  }
  return feeds;
}
