import type { Adapter } from "../adapters/adapter.ts";
import { combineAdapters } from "../adapters/combine/combine_adapters.ts";
import { requireSameStored } from "../adapters/combine/same_stored.ts";
import { fitAdapter } from "../adapters/fit_adapter.ts";
import { requireLora } from "../adapters/kinds/lora.ts";
import { adapterSites, type LayerShape } from "../adapters/targets/sites.ts";
import type { Model } from "../models/family.ts";
import { placeAll, type Session } from "../runtime/session.ts";
import { AttuneError } from "../text/errors.ts";
import { createDecoder, type Decoder } from "./decoder.ts";
import { once } from "./once.ts";
import { createReaders, type Readers } from "./readers.ts";
import { rowAdapter } from "./row_adapters.ts";
import { adapterFeeds, adapterSignature } from "./runtime_adapter.ts";
import { createSideBySide } from "./side_by_side.ts";

/** The base, or an adapter on it. */
export interface Variant {
  decoder: Decoder;
  readers: Readers;
}

/** An adapter by its name; several by what each counts for; the base alone. */
export type AdapterChoice = string | Readonly<Record<string, number>> | null;

/** A base and adapters on it, one of them, or a mixture, in use. */
export interface Variants {
  /** @throws AttuneError when the adapter was made for another base. */
  add(name: string, adapter: Adapter): void;
  /** What is in use stays so. @throws AttuneError when no adapter has that name. */
  remove(name: string): void;
  /** Of a mixture the terms add up, weighed. @throws AttuneError when no adapter has that name, or one can't be mixed. */
  use(choice: AdapterChoice): void;
  /** What is in use now, or `choice`, which does not come into use by that. @throws AttuneError as `use` does. */
  current(choice?: AdapterChoice): Promise<Variant>;
  release(): Promise<void>;
}

export interface VariantGraphs {
  /** Compiles the base, or an adapter on it. */
  open(adapter?: Adapter): Promise<Session>;
  /** Compiles the base with terms of several adapters at these modules; left out where requests of several don't share a pass. */
  openStacked?(shapes: ReadonlyMap<string, LayerShape>): Promise<Session>;
}

/**
 * Graphs are compiled when first needed: the base's; one for all adapters that can be read side by side; and one for those of
 * each signature that can't.
 */
export function createVariants(model: Model, { open, openStacked }: VariantGraphs): Variants {
  const sessions = new Map<string, Promise<Session>>();
  const sessionOf = (signature: string, adapter?: Adapter) => {
    const session = sessions.get(signature) ?? open(adapter);
    sessions.set(signature, session);
    return session;
  };
  const sites = adapterSites(model);
  const adapters = new Map<string, Loaded>();
  const together =
    openStacked && createSideBySide(model.dimensions, (shapes) => (shapes ? openStacked(shapes) : open()));
  const base = once(
    async () => together?.base ?? variantBy(createDecoder(await sessionOf(""), model.dimensions)),
  );
  let current: () => Promise<Variant> = base;

  const variantOf = (adapter: Adapter, checked: () => Promise<void> = async () => {}) => {
    const [signature, feeds] = [adapterSignature(adapter), adapterFeeds(adapter)];
    return once(async () => {
      await checked();
      const session = await sessionOf(signature, adapter);
      const placed = await placeAll(session, feeds);
      return variantBy(createDecoder(session, model.dimensions, placed));
    });
  };
  const find = (name: string) => {
    const found = adapters.get(name);
    if (!found) throw unknownAdapter(name, [...adapters.keys()]);
    return found;
  };
  const mixture = (weights: Readonly<Record<string, number>>) => {
    const inputs = Object.entries(weights).map(([name, weight]) => ({
      name,
      weight,
      adapter: requireLora(find(name).adapter, name, "mixed"),
    }));
    return variantOf(combineAdapters(inputs, { method: "cat" }), () => requireSameStored(inputs));
  };

  const chosen = (choice: AdapterChoice) => {
    if (choice === null) return base;
    return typeof choice === "string" ? find(choice).variant : mixture(choice);
  };

  return {
    add(name, given) {
      const adapter = fitAdapter(given, sites);
      const row = together && rowAdapter(adapter, sites);
      if (!row) return void adapters.set(name, { adapter, variant: variantOf(adapter), remove() {} });
      const variant = together.add(row);
      adapters.set(name, { adapter, variant: async () => variant, remove: () => together.remove(row) });
    },
    remove(name) {
      find(name).remove();
      adapters.delete(name);
    },
    use(choice) {
      current = chosen(choice);
    },
    current: async (choice) => (choice === undefined ? current : chosen(choice))(),
    async release() {
      await together?.release();
      const opened = await Promise.allSettled(sessions.values());
      await Promise.all(opened.map((one) => one.status === "fulfilled" && one.value.release()));
    },
  };
}

/** An adapter that can be chosen. */
interface Loaded {
  adapter: Adapter;
  variant: () => Promise<Variant>;
  remove(): void;
}

/** What talks through one decoder. */
export const variantBy = (decoder: Decoder): Variant => ({ decoder, readers: createReaders(decoder) });

export const UNKNOWN_ADAPTER = "generation.unknown-adapter";

function unknownAdapter(name: string, names: string[]): AttuneError {
  const known = names.length > 0 ? names.join(", ") : "none: no adapter is loaded";
  return new AttuneError({
    code: UNKNOWN_ADAPTER,
    problem: `there is no adapter ${JSON.stringify(name)}`,
    expected: known,
  });
}
