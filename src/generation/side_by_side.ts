import type { LayerShape } from "../adapters/targets/sites.ts";
import type { Dimensions } from "../models/family.ts";
import type { Session } from "../runtime/session.ts";
import type { Decoder } from "./decoder.ts";
import { createMixedDecoder } from "./mixed_decoder.ts";
import { createReaders, type Readers } from "./readers.ts";
import type { RowAdapter } from "./row_adapters.ts";
import type { Variant } from "./variants.ts";

/** The base and adapters on it whose requests share each pass. */
export interface SideBySide {
  base: Variant;
  add(adapter: RowAdapter): Variant;
  /** What reads with it still goes on. */
  remove(adapter: RowAdapter): void;
  release(): Promise<void>;
}

/** @param open opens the base, or the base with terms at these modules: see `stackedModel` */
export function createSideBySide(
  dimensions: Dimensions,
  open: (shapes?: ReadonlyMap<string, LayerShape>) => Promise<Session>,
): SideBySide {
  const decoder = createMixedDecoder(dimensions, open);
  const readers = createReaders(decoder);
  return {
    base: { decoder, readers },
    add(adapter) {
      decoder.admit(adapter);
      return { decoder: readWith(adapter, decoder), readers: takenFor(adapter, readers) };
    },
    remove(adapter) {
      decoder.dismiss(adapter);
      void readers.forget(adapter);
    },
    release: decoder.release,
  };
}

const takenFor = (adapter: RowAdapter, { take, ...readers }: Readers): Readers => ({
  ...readers,
  take: (prompt) => take(prompt, adapter),
});

const readWith = (adapter: RowAdapter, { read, readEach, score: _, ...decoder }: Decoder): Decoder => ({
  ...decoder,
  read: (cache, pieces) =>
    read(
      cache,
      pieces.map((piece) => ({ ...piece, adapter })),
    ),
  readEach: (cache, piece) => readEach(cache, { ...piece, adapter }),
  score: (tokens) => readEach(decoder.newCache(), { sequence: 0, start: 0, tokens, adapter }),
});
