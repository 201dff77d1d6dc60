import { makePacks, type Pack } from "../data/packing/pack.ts";
import type { TokenSequence } from "../data/tokenize/token_sequence.ts";
import { openGraph } from "../runtime/open_graph.ts";
import type { OpenSession, SessionOptions, TensorData } from "../runtime/session.ts";
import type { LabelLosses } from "./label_losses.ts";
import { type ByToken, takeValues, zerosByToken } from "./label_values.ts";
import { rowFeeds, rowOn } from "./row_feeds.ts";
import type { ReadState } from "./trained_state.ts";

/** What a row is fed beyond itself: dropout's words, and the noise's. */
export type RowFeeds = (row: Pack) => Record<string, TensorData>;

export interface ForwardOptions {
  rowLength: number;
  sharePrefixes: boolean;
  /** Whether every token's value is wanted, or only those of labels. */
  everyToken: boolean;
  /** Whether it is wanted which labels are the likeliest token. */
  right?: boolean;
}

export interface ForwardResult {
  /** -log probability of each label, [sequences][T]. */
  nll: ByToken;
  /** 1 where a label is the likeliest token, [sequences][T]; where it is wanted. */
  right?: ByToken;
  /** Tokens the model computed: fewer than there are, where sequences share a prefix. */
  computedTokens: number;
}

/** Computes values without gradients. */
export interface Forward {
  values(sequences: readonly TokenSequence[], extra?: RowFeeds): Promise<ForwardResult>;
  release(): Promise<void>;
}

/** @param state what is trained */
export async function openForward(
  { nll, likeliest, shareable }: LabelLosses,
  state: ReadState,
  open: OpenSession,
  { rowLength, sharePrefixes, everyToken, right, ...options }: ForwardOptions & { session: SessionOptions },
): Promise<Forward> {
  const graph = { nll, ...(right && { likeliest: likeliest() }) };
  const session = await openGraph(open, state.fit(graph), options.session);
  const share = sharePrefixes && shareable;
  return {
    async values(sequences, extra = () => ({})) {
      const result: ForwardResult = { nll: zerosByToken(sequences), computedTokens: 0 };
      if (right) result.right = zerosByToken(sequences);
      for (const own of makePacks(sequences, rowLength, { share, everyToken })) {
        const row = rowOn(options.session, own);
        const outputs = await session.run({ ...rowFeeds(row), ...extra(row), ...(await state.feeds()) });
        takeValues(row, outputs.nll!.data as Float32Array, result.nll);
        if (result.right) takeValues(row, hits(row, outputs.likeliest!.data as Float32Array), result.right);
        result.computedTokens += own.tokens.length;
      }
      return result;
    },
    release: () => session.release(),
  };
}

/** Of each label of a row [S]: 1 where it is the likeliest token. */
const hits = ({ targets }: Pack, ids: Float32Array): Float32Array =>
  Float32Array.from(targets, (target, s) => Number(target === ids[s]));
