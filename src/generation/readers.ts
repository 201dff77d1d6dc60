import { turns } from "../runtime/turns.ts";
import { type Decoder, sequenceOf, spanOf } from "./decoder.ts";
import type { KvCache } from "./kv_cache.ts";
import { commonLength, type Lane, lanePasses } from "./lane_passes.ts";
import type { RowAdapter } from "./row_adapters.ts";
import type { SequenceReader } from "./sequence_reader.ts";

/** Readers of one model, side by side: what several of them ask for is read in one pass. */
export interface Readers {
  /** A reader for what begins with `prompt`, as soon as there is room beside those in use. */
  take(prompt: readonly number[], adapter?: RowAdapter): Promise<SequenceReader>;
  /** Gives a reader back. What it has read is kept for a while, for prompts that begin alike. */
  leave(reader: SequenceReader): Promise<void>;
  /** Keeps nothing of what was read with an adapter. */
  forget(adapter: RowAdapter): Promise<void>;
}

/** Sequences read side by side: more cost as much, in looking past each other's keys, as they save. */
const WIDTH = 16;
/** Sequences that nobody reads now and that are kept. */
const KEPT = 8;
/** Tokens in common from which on going on from a kept sequence is worth a copy. */
const WORTH_COPYING = 8;

/** A sequence that nobody reads now. */
interface Kept {
  read: readonly number[];
  long: boolean;
  adapter?: RowAdapter;
  /** As sequence 0. */
  cache: KvCache;
}

export function createReaders(decoder: Decoder): Readers {
  const shared = { cache: decoder.newCache() };
  const lanes = new Map<SequenceReader, Lane>();
  const waiting: (() => void)[] = [];
  const inTurn = turns(); // the cache is lent to a pass: it changes between passes alone
  const read = lanePasses(decoder, shared, inTurn, () => lanes.size);
  let kept: Kept[] = [];

  /** What the kept sequence that has most in common with a prompt has in common with it; one that goes on is kept no longer. */
  const takeKept = (prompt: readonly number[], adapter?: RowAdapter): Kept | undefined => {
    const common = kept.map((one) => (one.adapter === adapter ? commonLength(one.read, prompt) : 0));
    const most = Math.max(...common);
    if (kept.length === 0 || most < WORTH_COPYING) return undefined;
    const best = kept[common.indexOf(most)]!;
    if (most === best.read.length) {
      kept = kept.filter((one) => one !== best);
      return best;
    }
    const cache = decoder.newCache();
    cache.append(best.cache);
    cache.truncate(most);
    return { ...best, read: best.read.slice(0, most), cache };
  };

  const freeSequence = (): number => {
    const taken = new Set([...lanes.values()].map(({ sequence }) => sequence));
    return Array.from({ length: WIDTH }, (_, sequence) => sequence).find((sequence) => !taken.has(sequence))!;
  };

  const enter = (prompt: readonly number[], adapter?: RowAdapter): Lane => {
    const sequence = freeSequence();
    const known = takeKept(prompt, adapter);
    if (known && lanes.size === 0) shared.cache = known.cache;
    else if (known) shared.cache.append(known.cache, spanOf(sequence));
    return { sequence, adapter, read: [...(known?.read ?? [])], long: known?.long ?? false };
  };

  /** What a lane has read, as a cache of its own. */
  const extract = ({ sequence }: Lane): KvCache => {
    if (lanes.size === 1 && sequence === 0) {
      const { cache } = shared;
      shared.cache = decoder.newCache();
      return cache;
    }
    const cache = decoder.newCache();
    cache.append(shared.cache, -spanOf(sequence));
    cache.keep((index) => sequenceOf(index) === 0);
    shared.cache.keep((index) => sequenceOf(index) !== sequence);
    return cache;
  };

  return {
    async take(prompt, adapter) {
      while (lanes.size >= WIDTH) await new Promise<void>((start) => waiting.push(start));
      const reader: SequenceReader = { next: (...asked) => read(lanes.get(reader)!, ...asked) };
      const holder: Lane = { sequence: freeSequence(), read: [], long: false };
      lanes.set(reader, holder); // holds its place until its turn
      await inTurn(async () => {
        lanes.delete(reader);
        lanes.set(reader, enter(prompt, adapter));
      });
      return reader;
    },
    leave: (reader) =>
      inTurn(async () => {
        const lane = lanes.get(reader)!;
        const cache = extract(lane);
        lanes.delete(reader);
        const { read, long, adapter } = lane;
        kept = [...kept, { read, long, adapter, cache }].slice(-KEPT);
        waiting.shift()?.();
      }),
    forget: (adapter) =>
      inTurn(async () => {
        kept = kept.filter((one) => one.adapter !== adapter);
      }),
  };
}
