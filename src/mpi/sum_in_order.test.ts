import { describe, expect, test } from "vitest";
import { sumInOrder } from "./sum_in_order.ts";

/** What MPI does, within one process: a call is done when all ranks have made it. */
function wires(size: number) {
  const sent: number[] = [];
  const together = (deliver: (sent: Uint8Array[], bytes: number, rank: number) => Uint8Array[]) => {
    let waiting: { rank: number; send: Uint8Array; receive: Uint8Array; done: () => void }[] = [];
    return (rank: number) => (send: Uint8Array, receive: Uint8Array, bytes: number) =>
      new Promise<void>((done) => {
        sent.push(send.length);
        waiting.push({ rank, send, receive, done });
        if (waiting.length < size) return;
        const all = waiting.sort((a, b) => a.rank - b.rank);
        waiting = [];
        for (const one of all) {
          const parts = deliver(
            all.map(({ send }) => send),
            bytes,
            one.rank,
          );
          for (const [r, part] of parts.entries()) one.receive.set(part, r * bytes);
        }
        for (const { done } of all) done();
      });
  };
  const exchange = together((all, bytes, rank) =>
    all.map((send) => send.slice(rank * bytes, (rank + 1) * bytes)),
  );
  const collect = together((all, bytes) => all.map((send) => send.slice(0, bytes)));
  const ofRank = (_: unknown, rank: number) => ({ exchange: exchange(rank), collect: collect(rank) });
  return { sent, all: Array.from({ length: size }, ofRank) };
}

const numbers = (length: number, rank: number) =>
  Float32Array.from({ length }, (_, i) => Math.sin(1 + i + 1000 * rank) * 10 ** ((i + rank) % 5));

async function summed(arrays: (Float32Array | Float64Array)[][], as?: "bfloat16", window = 16) {
  const { all, sent } = wires(arrays.length);
  const size = arrays.length;
  await Promise.all(all.map((wire, rank) => sumInOrder(wire, arrays[rank]!, { size, as, window })));
  return { arrays, sent };
}

const inOrder = (terms: Float32Array[]) =>
  terms[0]!.map((first, i) => terms.slice(1).reduce((sum, term) => Math.fround(sum + term[i]!), first));

describe.each([1, 2, 3, 5])("%i ranks", (size) => {
  test.each([0, 1, 15, 16, 17, 100])("have the sums of %i numbers, to the bit, in rank order", async (n) => {
    const lengths = [n, 3];
    const terms = (k: number) => Array.from({ length: size }, (_, rank) => numbers(lengths[k]!, rank + k));
    const expected = [inOrder(terms(0)), inOrder(terms(1))];
    const ranks = Array.from({ length: size }, (_, rank) => [
      terms(0)[rank]!,
      Float64Array.of(rank, 0.5),
      terms(1)[rank]!,
    ]);
    for (const [first, doubles, last] of (await summed(ranks)).arrays) {
      expect([first, last]).toEqual(expected);
      expect([...doubles!]).toEqual([(size * (size - 1)) / 2, size / 2]);
    }
  });
});

test("bfloat16 sends half as many bytes, and is off by two roundings at most; float64 stays as it is", async () => {
  const terms = [0, 1, 2].map((rank) => numbers(48, rank).map(Math.abs));
  const ranks = (as?: "bfloat16") =>
    summed(
      terms.map((term) => [term.slice(), Float64Array.of(1 / 3)]),
      as,
    );
  const [exact, rounded] = [await ranks(), await ranks("bfloat16")];
  const bytes = ({ sent }: { sent: number[] }) => sent.reduce((n, length) => n + length, 0);
  const doubles = 3 * (3 * 8 + 8); // of the one float64: three parts sent, and its sum
  expect(bytes(rounded) - doubles).toBe((bytes(exact) - doubles) / 2);
  for (const [own, double] of rounded.arrays) {
    expect(own).toEqual(rounded.arrays[0]![0]);
    expect(own).not.toEqual(exact.arrays[0]![0]);
    for (const [i, value] of own!.entries())
      expect(Math.abs(value / exact.arrays[0]![0]![i]! - 1)).toBeLessThan(2 ** -7); // rounded twice, by 2^-8 each
    expect(double![0]).toBe(1);
  }
});
