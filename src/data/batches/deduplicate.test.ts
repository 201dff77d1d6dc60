import { describe, expect, test } from "vitest";
import { randomUint32 } from "../../random/random.ts";
import { deduplicate, duplicateOrigins } from "./deduplicate.ts";
import { splitSequences } from "./split.ts";
import { sequencesInMemory } from "./testing/sequences_in_memory.ts";

const storeOf = (tokens: number[]) =>
  sequencesInMemory(
    tokens.map((token, i) => ({
      tokens: Int32Array.of(1, token),
      labelWeights: Float32Array.of(0, 1),
      origin: { file: i < 4 ? "a.json" : "b.json", row: i + 1 },
    })),
  );
const indices = (...list: number[]) => Uint32Array.from(list);
const range = (n: number) => Uint32Array.from({ length: n }, (_, i) => i);

describe("deduplicate", () => {
  test("the first stays, the others are named with what they equal", () => {
    const store = storeOf([5, 6, 5, 7, 6, 5]);
    const result = deduplicate(store, { train: range(6), evaluation: indices() });
    expect(result).toEqual({
      train: indices(0, 1, 3),
      dropped: indices(2, 4, 5),
      equalTo: indices(0, 1, 0),
      leaked: 0,
    });
    expect([...duplicateOrigins(store, result)]).toEqual([
      { origin: { file: "a.json", row: 3 }, equalTo: { file: "a.json", row: 1 } },
      { origin: { file: "b.json", row: 5 }, equalTo: { file: "a.json", row: 2 } },
      { origin: { file: "b.json", row: 6 }, equalTo: { file: "a.json", row: 1 } },
    ]);
  });

  test("what the evaluation split holds isn't trained on, wherever it stands", () => {
    const store = storeOf([5, 6, 5, 7, 6, 5, 7]);
    expect(deduplicate(store, { train: indices(0, 1, 2, 3, 6), evaluation: indices(4, 5) })).toEqual({
      train: indices(3),
      dropped: indices(0, 1, 2, 6),
      equalTo: indices(5, 4, 5, 3),
      leaked: 3,
    });
  });

  test("nothing equal, nothing dropped; evaluation's own duplicates are let be", () => {
    const store = storeOf([5, 6, 7, 8, 8]);
    const train = indices(0, 1, 2);
    expect(deduplicate(store, { train, evaluation: indices(3, 4) })).toEqual({
      train,
      dropped: indices(),
      equalTo: indices(),
      leaked: 0,
    });
  });

  test("after a split, every different example is left exactly once in training, or in evaluation", () => {
    for (let seed = 0; seed < 30; seed++) {
      const tokens = Array.from({ length: 120 }, (_, i) => randomUint32(seed, "test", 0, i) % 60);
      const store = storeOf(tokens);
      const split = splitSequences(store, { fraction: 0.2, seed });
      const { train, leaked } = deduplicate(store, split);
      const [kept, heldOut] = [train, split.evaluation].map((side) => Array.from(side, (i) => tokens[i]!));
      expect(new Set(kept).size).toBe(kept!.length);
      expect(new Set([...kept!, ...heldOut!])).toEqual(new Set(tokens));
      expect(kept!.filter((token) => heldOut!.includes(token))).toEqual([]);
      expect(leaked).toBe(0);
    }
  });
});
