import { useEffect, useState } from "preact/hooks";

/** A value that components watch. */
export interface Store<T> {
  get(): T;
  set(change: Partial<T>): void;
  /** In a component: it is drawn again whenever the value changes. */
  use(): T;
}

export function createStore<T extends object>(first: T): Store<T> {
  let value = first;
  const listeners = new Set<(value: T) => void>();
  return {
    get: () => value,
    set(change) {
      value = { ...value, ...change };
      for (const listener of listeners) listener(value);
    },
    use() {
      const [seen, see] = useState(value);
      useEffect(() => {
        listeners.add(see);
        see(value);
        return () => void listeners.delete(see);
      }, []);
      return seen;
    },
  };
}
