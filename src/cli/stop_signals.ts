/** A run that ends well when it is told to: SIGINT is Ctrl-C, SIGTERM what `kill` and service managers send. */
export interface StopSignals {
  /** Aborted by the first of them. */
  signal: AbortSignal;
  /** 128 + the number of the signal that came, undefined while none has. */
  exitCode(): number | undefined;
  /** From now on signals do what they do by themselves. */
  ignore(): void;
}

const NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

/** A terminal and npx both pass the same Ctrl-C on: what comes this soon after the first is no second one. */
const SAME_PRESS = 500; // ms

/** Calls `first` at the first signal; a second one ends the process at once. */
export function stopSignals(first: () => void): StopSignals {
  const controller = new AbortController();
  let code: number | undefined;
  let firstAt = 0;
  const handle = (name: keyof typeof NUMBERS) => {
    if (code !== undefined) {
      if (performance.now() - firstAt < SAME_PRESS) return;
      process.stdout.write("\n");
      process.exit(128 + NUMBERS[name]);
    }
    code = 128 + NUMBERS[name];
    firstAt = performance.now();
    first();
    controller.abort();
  };
  const names = Object.keys(NUMBERS) as (keyof typeof NUMBERS)[];
  for (const name of names) process.on(name, handle);
  return {
    signal: controller.signal,
    exitCode: () => code,
    ignore() {
      for (const name of names) process.off(name, handle);
    },
  };
}
