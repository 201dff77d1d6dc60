import type { StartEvent, TrainEvent } from "../training/events.ts";

/** Something beside the training that follows a run. */
export interface Watcher {
  /** What a warning says of it when it fails: "there is no report". */
  name: string;
  open(start: StartEvent): Promise<OpenWatcher>;
}

export interface OpenWatcher {
  see(event: Exclude<TrainEvent, StartEvent>): Promise<void>;
  /** The run ended in an error. */
  fail(error: unknown): Promise<void>;
}

/** Passes a run's events on, and has each of `watchers` see them first. One that fails warns once, and the run goes on. */
export async function* watched(
  events: AsyncGenerator<TrainEvent, void, undefined>,
  watchers: readonly Watcher[],
): AsyncGenerator<TrainEvent, void, undefined> {
  const all = watchers.map(carefully);
  try {
    for await (const event of events) {
      const warnings: TrainEvent[] = [];
      for (const one of all) {
        const message = await one.see(event);
        if (message !== undefined) warnings.push({ type: "warning", step: event.step, message });
      }
      yield* event.type === "start" ? [event, ...warnings] : [...warnings, event];
    }
  } catch (error) {
    for (const one of all) await one.fail(error);
    throw error;
  }
}

/** A watcher that never throws, and tells of its first fault. */
function carefully({ name, open }: Watcher) {
  let opened: OpenWatcher | undefined;
  let isWarned = false;
  return {
    async see(event: TrainEvent): Promise<string | undefined> {
      try {
        if (event.type === "start") opened = await open(event);
        else await opened?.see(event);
      } catch (error) {
        if (isWarned) return undefined;
        isWarned = true;
        return `${name}: ${(error as Error).message}`;
      }
    },
    /** What ended the run is what is to be told. */
    fail: async (error: unknown) => opened?.fail(error).catch(() => {}),
  };
}
