import type { Adapter } from "../adapters/adapter.ts";
import { combineAdapters } from "../adapters/combine/combine_adapters.ts";
import { requireSameStored } from "../adapters/combine/same_stored.ts";
import { fitAdapter } from "../adapters/fit_adapter.ts";
import { requireLora } from "../adapters/kinds/lora.ts";
import { adapterSites } from "../adapters/targets/sites.ts";
import type { Model } from "../models/family.ts";
import { placeAll, type Session } from "../runtime/session.ts";
import { AttuneError } from "../text/errors.ts";
import { createDecoder, type Decoder } from "./decoder.ts";
import { once } from "./once.ts";
import { createReaders, type Readers } from "./readers.ts";
import { adapterFeeds, adapterSignature } from "./runtime_adapter.ts";

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

/** `open` compiles the base, or an adapter on it, once for all adapters of one signature, when first needed. */
export function createVariants(model: Model, open: (adapter?: Adapter) => Promise<Session>): Variants {
  const sessions = new Map<string, Promise<Session>>();
  const sessionOf = (signature: string, adapter?: Adapter) => {
    const session = sessions.get(signature) ?? open(adapter);
    sessions.set(signature, session);
    return session;
  };
  const sites = adapterSites(model);
  const adapters = new Map<string, { adapter: Adapter; variant: () => Promise<Variant> }>();
  const base = once(async () => variantBy(createDecoder(await sessionOf(""), model.dimensions)));
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
    add(name, adapter) {
      const fitting = fitAdapter(adapter, sites);
      adapters.set(name, { adapter: fitting, variant: variantOf(fitting) });
    },
    remove(name) {
      find(name);
      adapters.delete(name);
    },
    use(choice) {
      current = chosen(choice);
    },
    current: async (choice) => (choice === undefined ? current : chosen(choice))(),
    async release() {
      const opened = await Promise.allSettled(sessions.values());
      await Promise.all(opened.map((one) => one.status === "fulfilled" && one.value.release()));
    },
  };
}

/** What talks through one decoder. */
export const variantBy = (decoder: Decoder): Variant => ({ decoder, readers: createReaders(decoder) });

function unknownAdapter(name: string, names: string[]): AttuneError {
  const known = names.length > 0 ? names.join(", ") : "none: no adapter is loaded";
  return new AttuneError({
    code: "generation.unknown-adapter",
    problem: `there is no adapter ${JSON.stringify(name)}`,
    expected: known,
  });
}
