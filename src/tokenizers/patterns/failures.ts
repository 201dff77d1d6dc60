/** Which choice points have failed at which places, kept in pages so that only what was tried takes memory. */
export interface Failures {
  add(choice: number, at: number): void;
  has(choice: number, at: number): boolean;
}

const PAGE_BITS = 10;
const PAGES = 2 ** 20; // of a choice point: texts have fewer than 2^30 units

export function createFailures(): Failures {
  const pages = new Map<number, Uint32Array>();
  const pageOf = (choice: number, at: number) => choice * PAGES + (at >>> PAGE_BITS);
  const wordOf = (at: number) => (at >>> 5) & (2 ** (PAGE_BITS - 5) - 1);
  return {
    add(choice, at) {
      const key = pageOf(choice, at);
      let page = pages.get(key);
      if (!page) {
        page = new Uint32Array(2 ** (PAGE_BITS - 5));
        pages.set(key, page);
      }
      page[wordOf(at)]! |= 1 << (at & 31);
    },
    has: (choice, at) => ((pages.get(pageOf(choice, at))?.[wordOf(at)] ?? 0) & (1 << (at & 31))) !== 0,
  };
}
