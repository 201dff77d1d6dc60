import type { Tensor } from "../graph/tensor.ts";
import type { Model } from "../models/family.ts";
import { isSmall } from "../models/is_small.ts";
import { openGraph } from "../runtime/open_graph.ts";
import type { DeviceTensor, OpenSession, Session, SessionOptions } from "../runtime/session.ts";
import type { PassState, TrainedState } from "./trained_state.ts";

/** A session, and what its passes read and write: those of several lanes are computed at the same time. */
export interface TrainingLane {
  session: Session<DeviceTensor>;
  state: PassState;
}

const MOST_LANES = 8;

/**
 * How many passes of a step are computed at the same time, each with its share of the threads. A small model's products are
 * too short for several threads, so each thread gets examples of its own. The sums are the same but for rounding.
 */
export function lanesFor(
  model: Model,
  batchSize: number,
  { device, threads }: Required<Pick<SessionOptions, "device" | "threads">>,
): number {
  if (device !== "cpu" || !isSmall(model)) return 1;
  return Math.max(1, Math.min(threads, batchSize, MOST_LANES));
}

/** Opens a training graph `count` times. Lanes share the session's threads. */
export async function openLanes<G>(
  graph: Readonly<Record<string, Tensor>>,
  state: TrainedState<G>,
  open: OpenSession,
  { session, lanes: count = 1 }: { session: SessionOptions; lanes?: number },
): Promise<TrainingLane[]> {
  const others = count > 1 && state.besides ? state.besides(count - 1) : [];
  const threads = session.threads && Math.max(1, Math.floor(session.threads / (1 + others.length)));
  const options = { ...session, threads, kept: state.kept };
  const lanes: TrainingLane[] = [];
  for (const own of [state, ...others])
    lanes.push({ session: await openGraph(open, own.fit(graph), options), state: own });
  return lanes;
}

/** Waits for all, then throws what the first of them threw: whoever goes on finds no pass under way. */
export async function allEnded(works: readonly Promise<void>[]): Promise<void> {
  const ends = await Promise.allSettled(works);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
