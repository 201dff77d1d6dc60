import { useEffect, useRef, useState } from "preact/hooks";
import { type Failure, failureOf, get, isAbort } from "./api.ts";

export interface Polled<T> {
  value?: T;
  failure?: Failure;
  /** Asks at once. */
  again(): void;
}

/** How only what is new is asked for. */
export interface News<T> {
  /** What the path's query says, of what is known. */
  query(known: T): string;
  join(known: T, news: T): T;
}

/** Asks again and again while the page is seen; waits longer where answers take long. `every` in ms; 0 asks once. */
export function usePolled<T>(path: string, every: (value: T) => number, news?: News<T>): Polled<T> {
  const [state, setState] = useState<{ path: string; value?: T; failure?: Failure }>({ path });
  const latest = useRef<{ path: string; value?: T }>({ path });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      const began = performance.now();
      let pause = 3000;
      try {
        const { value: known } = latest.current.path === path ? latest.current : {};
        const query = news && known ? news.query(known) : "";
        const answer = await get<T>(path + query, stop.signal);
        const value = news && known ? news.join(known, answer) : answer;
        latest.current = { path, value };
        setState(latest.current);
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
