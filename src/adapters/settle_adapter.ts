import type { TensorEntry } from "../files/safetensors.ts";
import type { Adapter, AdapterConfig } from "./adapter.ts";
import { kindOf } from "./kinds/kinds.ts";
import { ofBase, PREFIX } from "./peft/tensor_names.ts";
import { savedParameters } from "./targets/modules_to_save.ts";
import type { Sites } from "./targets/sites.ts";
import type { TargetModules } from "./targets/target_modules.ts";
import { withTiedEnds } from "./targets/tied_ends.ts";
import { tokenIndices } from "./targets/token_rows.ts";
import { withTargets } from "./with_targets.ts";

/** An adapter's settings as they are meant of a base. */
export type Wanted = AdapterConfig & { targetModules: TargetModules };

/**
 * An adapter of a file as it is meant of a base: modules that its config leaves to PEFT are named, and tied ends are held
 * once. Where a file holds two values for tied ends, the output layer's counts: PEFT loads it last.
 */
export function settleAdapter(adapter: Adapter, sites: Sites): { adapter: Adapter; wanted: Wanted } {
  const config = withTargets(adapter.config, sites.modelType);
  const { settings: wanted, follows } = withTiedEnds(config, sites);
  const one = follows ? heldOnce(adapter, wanted, follows) : adapter;
  const settled = {
    ...one,
    config,
    parameters: trainedOnes(one, wanted, sites),
    stored: sites.tied ? tiedStored(one.stored, sites) : one.stored,
    tokens: ownRows(one.tokens, wanted, sites),
    ...(follows && { follows }),
  };
  return { adapter: settled, wanted };
}

/** The embedding's tensors for both ends. */
function heldOnce(adapter: Adapter, wanted: Wanted, follows: { head: string; embedding: string }): Adapter {
  const [embedding, head] = [`${follows.embedding}.weight`, `${follows.head}.weight`];
  const parameters = new Map(adapter.parameters);
  const stored = new Map(adapter.stored);
  const modules = new Map(adapter.modules);
  const [whole, term] = [parameters.get(head), modules.get(follows.head)];
  if (whole && wanted.modulesToSave?.includes(follows.embedding)) {
    parameters.set(embedding, whole).delete(head);
    for (const name of [embedding, head]) stored.delete(PREFIX + name);
  }
  const { otherEnd } = kindOf(adapter);
  if (term && otherEnd) modules.set(follows.embedding, otherEnd(term));
  modules.delete(follows.head);
  return { ...adapter, modules, parameters, stored };
}

/** Without what a file may have held as a trained end, and which is a weight of the base here. */
function trainedOnes(
  { parameters, modules, stored }: Adapter,
  wanted: Wanted,
  sites: Sites,
): Adapter["parameters"] {
  const trained = new Set(savedParameters(wanted, sites, [...modules.keys()]));
  const kept = [...(parameters ?? [])].filter(([name]) => trained.has(name) || !stored?.has(PREFIX + name));
  return kept.length > 0 ? new Map(kept) : undefined;
}

/** The one weight of tied ends, under the embedding's name too. */
function tiedStored(
  stored: Adapter["stored"],
  { embedding, head }: Sites,
): Map<string, TensorEntry> | undefined {
  const keyOf = (module: string) =>
    [...(stored?.keys() ?? [])].find((key) => ofBase(key) === `${module}.weight`);
  const ofHead = keyOf(head);
  if (ofHead === undefined) return stored;
  return new Map(stored).set(keyOf(embedding) ?? ofHead.replace(head, embedding), stored!.get(ofHead)!);
}

/** Without a tied output layer's copy of the embedding's rows. */
function ownRows(tokens: Adapter["tokens"], wanted: Wanted, sites: Sites): Adapter["tokens"] {
  if (!tokens || !sites.tied) return tokens;
  const meant = tokenIndices(wanted, sites);
  return new Map([...tokens].filter(([module]) => module !== sites.head || meant.has(module)));
}
