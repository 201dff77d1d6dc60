/**
 * Stops a run that can save: SIGINT is Ctrl-C, SIGTERM what `kill` and service managers send, SIGHUP a terminal that is
 * closed; a reader that closes the pipe counts as one, too.
 */
export interface StopSignals {
  /** Aborted by the first of them. */
  signal: AbortSignal;
  /** From now on the first signal stops the run. Until then, each ends the process at once, whatever it is doing. */
  listen(): void;
  /** 128 + the number of the signal that came, undefined while none has. */
  exitCode(): number | undefined;
  /** From now on signals do again what they do by themselves. */
  ignore(): void;
}

type Name = "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGPIPE";
const NUMBERS: Record<Name, number> = { SIGHUP: 1, SIGINT: 2, SIGPIPE: 13, SIGTERM: 15 };
const LISTENED = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A terminal and npx both pass the same Ctrl-C on: what comes this soon after the first is no second one. */
const SAME_PRESS = 500; // ms

/** What stops the run that is listening now. */
let stopRun: ((name: Name) => void) | undefined;

/**
 * Calls `first` at the first signal; a second one ends the process at once. A handler only runs while the main thread is
 * free: listen where it is, in the steps of a run, and not while it reads what others wrote.
 */
export function stopSignals(first: () => void): StopSignals {
  const controller = new AbortController();
  let code: number | undefined;
  let firstAt = 0;
  const stop = (name: Name) => {
    code = 128 + NUMBERS[name];
    firstAt = performance.now();
    first();
    controller.abort();
  };
  const handle = (name: NodeJS.Signals) => {
    if (code === undefined) stop(name as Name);
    else if (performance.now() - firstAt >= SAME_PRESS) endBy(name);
  };
  return {
    signal: controller.signal,
    listen() {
      stopRun = (name) => code === undefined && stop(name);
      for (const name of LISTENED) process.on(name, handle);
    },
    exitCode: () => code,
    ignore() {
      stopRun = undefined;
      for (const name of LISTENED) process.off(name, handle);
    },
  };
}

/** Not by `process.exit`, which waits for threads: a step may take minutes. */
function endBy(name: NodeJS.Signals): void {
  process.removeAllListeners(name);
  process.kill(process.pid, name);
}

/** A reader that has seen enough (`attune chat … | head -1`) closes the pipe: a run saves, all else ends without a fault. */
export function stopAtClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
      if (stopRun) stopRun("SIGPIPE");
      else if (process.exitCode === undefined) process.exit(128 + NUMBERS.SIGPIPE);
    });
}
