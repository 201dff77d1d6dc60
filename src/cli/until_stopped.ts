import { openScreen, type Screen } from "./screen.ts";
import { stopSignals } from "./stop_signals.ts";

/** Does work that saves as it goes: the first signal ends it after its step, and says how it goes on. */
export async function untilStopped(
  work: (screen: Screen, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const screen = openScreen();
  const stop = stopSignals(() => screen.print("stopping after this step (again: stop at once)"));
  stop.listen();
  try {
    await work(screen, stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    screen.clear();
    stop.ignore();
  }
  if (stop.signal.aborted) {
    screen.print("stopped; the same command again goes on");
    process.exitCode = stop.exitCode();
  }
}
