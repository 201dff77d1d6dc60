import { useEffect, useState } from "preact/hooks";
import { type Failure, failureOf, get, isAbort } from "./api.ts";

export interface Polled<T> {
  value?: T;
  failure?: Failure;
  /** Asks at once. */
  again(): void;
}

/** Asks again and again while the page is seen; waits longer where answers take long. `every` in ms; 0 asks once. */
export function usePolled<T>(path: string, every: (value: T) => number): Polled<T> {
  const [state, setState] = useState<{ path: string; value?: T; failure?: Failure }>({ path });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      const began = performance.now();
      let pause = 3000;
      try {
        const value = await get<T>(path, stop.signal);
        setState({ path, value });
        pause = every(value);
      } catch (error) {
        if (isAbort(error)) return;
        setState((before) => ({ ...before, path, failure: failureOf(error) }));
      }
      const took = performance.now() - began;
      if (pause > 0) timer = setTimeout(look, Math.max(document.hidden ? 10_000 : pause, 5 * took));
    };
    void look();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [path, turn]);
  const { value, failure } = state.path === path ? state : {};
  return { value, failure, again: () => setTurn((n) => n + 1) };
}
