import type { LayerShape } from "../adapters/targets/sites.ts";
import type { Dimensions } from "../models/family.ts";
import type { Session } from "../runtime/session.ts";
import { type Computation, type Decoder, decoderBy, type Piece } from "./decoder.ts";
import { macrotask } from "./lane_passes.ts";
import { type RowAdapter, stackedShare, stackedTerms } from "./row_adapters.ts";

/** A decoder each of whose pieces may be read with an adapter of its own. */
export interface MixedDecoder extends Decoder {
  /** Makes ready for an adapter. */
  admit(adapter: RowAdapter): void;
  /** Holds nothing of an adapter any more, until a pass is read with it. */
  dismiss(adapter: RowAdapter): void;
  release(): Promise<void>;
}

/** The adapters that passes are read with, and their terms. */
interface Stack {
  adapters: readonly RowAdapter[];
  terms: Computation["constants"];
}

/** Passes after which an adapter that none was read with has no place in the stack: each of its ranks costs every row. */
const STALE = 32;

/**
 * Opens the base's graph, and that with terms at all modules of which an adapter has been admitted that has one, when first needed.
 * @param open opens the base, or the graph with terms at these modules
 */
export function createMixedDecoder(
  dimensions: Dimensions,
  open: (shapes?: ReadonlyMap<string, LayerShape>) => Promise<Session>,
): MixedDecoder {
  let base: Promise<Session> | undefined;
  let stacked: Promise<Session> | undefined;
  let shapes: ReadonlyMap<string, LayerShape> = new Map();
  let stack: Stack = { adapters: [], terms: {} };
  let passes = 0;
  const lastUsed = new Map<RowAdapter, number>();

  const isFresh = (adapter: RowAdapter) => passes - lastUsed.get(adapter)! <= STALE;
  /** With `wanted`, and without those that nobody has used for long. */
  const stackFor = (wanted: ReadonlySet<RowAdapter>): Stack => {
    for (const adapter of wanted) lastUsed.set(adapter, passes);
    const { adapters } = stack;
    if (adapters.every(isFresh) && [...wanted].every((adapter) => adapters.includes(adapter))) return stack;
    const fresh = [...lastUsed.keys()].filter(isFresh);
    for (const adapter of lastUsed.keys()) if (!isFresh(adapter)) lastUsed.delete(adapter);
    return { adapters: fresh, terms: stackedTerms(fresh, shapes) };
  };
  const choose = async (pieces: readonly Piece[]): Promise<Computation> => {
    passes++;
    const wanted = new Set(pieces.flatMap(({ adapter }) => adapter ?? []));
    if (wanted.size === 0) {
      base ??= open();
      return { session: await base, constants: {} };
    }
    stack = stackFor(wanted);
    const { adapters, terms } = stack;
    stacked ??= open(shapes);
    return { session: await stacked, constants: { ...terms, ...stackedShare(pieces, adapters) } };
  };

  return {
    ...decoderBy(dimensions, choose),
    admit({ terms }) {
      if ([...terms.keys()].every((module) => shapes.has(module))) return;
      shapes = new Map([...shapes, ...terms]);
      stack = { adapters: [], terms: {} };
      void released(stacked);
      stacked = undefined;
    },
    dismiss(adapter) {
      lastUsed.delete(adapter);
      stack = { adapters: [], terms: {} };
    },
    async release() {
      await Promise.all([released(base), released(stacked)]);
    },
  };
}

/** When all it was chosen for has been asked of it; one that could not be opened has nothing to release. */
async function released(session: Promise<Session> | undefined): Promise<void> {
  await macrotask();
  const [opened] = await Promise.allSettled([session]);
  if (opened.status === "fulfilled") await opened.value?.release();
}
