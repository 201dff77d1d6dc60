import { AttuneError } from "../../../src/text/errors.ts";
import { input } from "../files.ts";
import type { Target } from "../target.ts";

const FAULTS: Record<string, () => Promise<void>> = {
  throws: async () => {
    throw new TypeError("not ours");
  },
  rejects: async () => {
    void Promise.reject(new Error("nobody waits for this"));
  },
  talks: async () => {
    throw Object.assign(new AttuneError({ code: "fuzz.broken" }), { message: "a".repeat(2000) });
  },
  hangs: async () => {
    for (;;);
  },
  grows: async () => {
    const blocks: Uint8Array[] = [];
    for (let i = 0; i < 72; i++) blocks.push(new Uint8Array(2 ** 24).fill(1));
    if (blocks.length === 0) throw new Error();
  },
  dies: async () => process.abort(),
  refuses: async () => {
    throw new AttuneError({ code: "fuzz.broken", problem: "as it should" });
  },
};

/** Faults of every kind, by which the fuzzer itself is tested. */
export const broken: readonly Target[] = Object.entries(FAULTS).map(([name, read]) => ({
  name: `broken-${name}`,
  valid: async () => [input({ "a.txt": "a" })],
  read,
}));
