/** Watches text go by, as it comes, for strings that end it. */
export interface StopScanner {
  /** The part of the text that is certain to come before any stop string, and whether one was met. */
  push(text: string): { text: string; stopped: boolean };
  /** What was held back: it began like a stop string and is none. */
  flush(): string;
}

export function stopScanner(stops: readonly string[]): StopScanner {
  let held = "";
  return {
    push(text) {
      held += text;
      const found = stops.map((stop) => held.indexOf(stop)).filter((at) => at >= 0);
      const stopped = found.length > 0;
      const safe = stopped ? Math.min(...found) : held.length - longestBeginning(held, stops);
      const passed = held.slice(0, safe);
      held = stopped ? "" : held.slice(safe);
      return { text: passed, stopped };
    },
    flush() {
      const rest = held;
      held = "";
      return rest;
    },
  };
}

/** Length of the longest end of `text` that a stop string begins with. */
function longestBeginning(text: string, stops: readonly string[]): number {
  const lengths = stops.map((stop) => {
    let length = Math.min(text.length, stop.length - 1);
    while (length > 0 && !stop.startsWith(text.slice(text.length - length))) length--;
    return length;
  });
  return Math.max(0, ...lengths);
}
