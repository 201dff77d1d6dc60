import { describe, expect, test } from "vitest";
import { type Counter, type Key, philox } from "./philox.ts";
import { permutation, randomNormal, randomNormals, randomUint32, randomUniform } from "./random.ts";

describe("philox", () => {
  const ones = 0xffffffff;
  // Random123 1.14, tests/kat_vectors, philox4x32 10.
  test.each<[Counter, Key, number[]]>([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [ones, ones, ones, ones],
      [ones, ones],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])("gives Random123's known answers", (counter, key, words) => {
    expect([...philox(counter, key)]).toEqual(words);
  });
});

describe("addressed randomness", () => {
  test("every part of the address counts", () => {
    const numbers = [
      randomUint32(1, "dropout", 2, 3),
      randomUint32(2, "dropout", 2, 3),
      randomUint32(1 + 2 ** 32, "dropout", 2, 3),
      randomUint32(1, "shuffle", 2, 3),
      randomUint32(1, "dropout", 3, 3),
      randomUint32(1, "dropout", 2, 4),
      randomUint32(1, "dropout", 2, 3 + 2 ** 34),
    ];
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(randomUint32(1, "dropout", 2, 3)).toBe(numbers[0]);
  });

  test("many numbers at once are the numbers one by one", () => {
    const normally = randomNormals(11, 7, "a", 5);
    for (let i = 0; i < 11; i++) {
      expect(Math.fround(randomNormal(7, "a", 5, i))).toBe(normally[i]);
    }
  });

  const N = 100_000;
  const moments = (values: Float32Array) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / N;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / N;
    const fourth = values.reduce((sum, value) => sum + (value - mean) ** 4, 0) / N;
    return { mean, variance, kurtosis: fourth / variance ** 2 };
  };

  // Five standard errors: of the mean sqrt(var/N), of the variance sqrt((k-1)/N) var.
  test("uniform numbers have the moments of U[0, 1)", () => {
    const values = Float32Array.from({ length: N }, (_, i) => randomUniform(3, "uniform", 0, i));
    const { mean, variance, kurtosis } = moments(values);
    expect(Math.abs(mean - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / N));
    expect(Math.abs(variance - 1 / 12)).toBeLessThan((5 * Math.sqrt(0.8 / N)) / 12);
    expect(Math.abs(kurtosis - 1.8)).toBeLessThan(0.02);
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
  });

  test("normal numbers have the moments of N(0, 1)", () => {
    const { mean, variance, kurtosis } = moments(randomNormals(N, 3, "normal", 0));
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(N));
    expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / N));
    expect(Math.abs(kurtosis - 3)).toBeLessThan(5 * Math.sqrt(24 / N));
  });

  test("a permutation holds every number once, another one each epoch", () => {
    const first = permutation(1000, 42, "shuffle", 0);
    expect([...first].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(permutation(1000, 42, "shuffle", 0)).toEqual(first);
    expect(permutation(1000, 42, "shuffle", 1)).not.toEqual(first);
    expect(permutation(1000, 43, "shuffle", 0)).not.toEqual(first);
  });

  test("all orders of three come equally often", () => {
    const counts = new Map<string, number>();
    for (let epoch = 0; epoch < 6000; epoch++) {
      const order = permutation(3, 0, "shuffle", epoch).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150); // 5 sigma
  });
});
