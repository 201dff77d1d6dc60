import { describe, expect, test } from "vitest";
import { randomNormal } from "../random/random.ts";
import { type Matrix, multiply, sumOfSquares, transposeMatrix } from "./matrix.ts";
import { qr } from "./qr.ts";
import { type Svd, svd, truncate } from "./svd.ts";
import { productSvd, truncatedSvd } from "./truncated_svd.ts";

const random = (rows: number, columns: number, step = 0): Matrix => ({
  rows,
  columns,
  data: Float64Array.from({ length: rows * columns }, (_, i) => randomNormal(1, "svd test", step, i)),
});

const normal = (index: number) => randomNormal(2, "directions", 0, index);

const scaled = (U: Matrix, S: Float64Array): Matrix => ({
  ...U,
  data: U.data.map((value, i) => value * S[i % U.columns]!),
});

const product = ({ U, S, V }: Svd) => multiply(scaled(U, S), transposeMatrix(V));

const distance = (a: Matrix, b: Matrix) =>
  Math.sqrt(sumOfSquares(Float64Array.from(a.data, (value, i) => value - b.data[i]!)));

const fromIdentity = (matrix: Matrix) => {
  const gram = multiply(transposeMatrix(matrix), matrix);
  return Math.max(...gram.data.map((value, i) => Math.abs(value - (i % (gram.columns + 1) === 0 ? 1 : 0))));
};

/** Singular values 1, 1/2, 1/4, …, `count` of them. */
function falling(rows: number, columns: number, count: number): Svd {
  const S = Float64Array.from({ length: count }, (_, i) => 2 ** -i);
  return { U: qr(random(rows, count, 7)).Q, S, V: qr(random(columns, count, 8)).Q };
}

test("qr: orthonormal times triangular, with LAPACK's signs", () => {
  const A = random(9, 5);
  const { Q, R } = qr(A);
  expect(distance(multiply(Q, R), A)).toBeLessThan(1e-13);
  expect(fromIdentity(Q)).toBeLessThan(1e-14);
  for (let i = 0; i < 5; i++) for (let j = 0; j < i; j++) expect(R.data[i * 5 + j]).toBe(0);
  expect(Math.sign(R.data[0]!)).toBe(-Math.sign(A.data[0]!));
  expect(() => qr(random(3, 4))).toThrow(/as many rows/);
});

describe("svd", () => {
  test.each([
    [1, 1],
    [7, 7],
    [30, 8],
    [8, 30],
    [64, 64],
  ])("of [%i, %i]: the matrix again, with orthonormal vectors", (rows, columns) => {
    const A = random(rows, columns);
    const found = svd(A);
    expect(distance(product(found), A)).toBeLessThan(1e-12 * Math.sqrt(sumOfSquares(A.data)));
    expect(fromIdentity(found.U)).toBeLessThan(1e-12);
    expect(fromIdentity(found.V)).toBeLessThan(1e-12);
    expect([...found.S]).toEqual([...found.S].sort((a, b) => b - a));
  });

  test("finds known singular values over 12 orders of size, relative to the largest", () => {
    const known = falling(50, 41, 40);
    const { S } = svd(product(known));
    for (const [i, value] of known.S.entries()) expect(Math.abs(S[i]! - value)).toBeLessThan(1e-14);
  });

  test("of rank 2, of zeros, and of a column twice", () => {
    const low = product(truncate(svd(random(12, 9)), 2));
    const { S } = svd(low);
    expect(S[1]).toBeGreaterThan(1);
    expect(Math.max(...S.slice(2))).toBeLessThan(1e-13);
    expect(product(svd({ rows: 3, columns: 4, data: new Float64Array(12) })).data).toEqual(
      new Float64Array(12),
    );
    const twice: Matrix = { rows: 3, columns: 2, data: Float64Array.of(1, 1, 2, 2, 3, 3) };
    expect(svd(twice).S[0]).toBeCloseTo(Math.sqrt(28), 12);
    expect(distance(product(svd(twice)), twice)).toBeLessThan(1e-14);
  });

  test("refuses what is not a number", () => {
    expect(() => svd({ rows: 1, columns: 2, data: Float64Array.of(1, Number.NaN) })).toThrow(/not a number/);
  });
});

describe("truncated", () => {
  test("of a product of factors: as of the product", () => {
    const [B, A] = [random(40, 6, 1), random(6, 30, 2)];
    const whole = svd(multiply(B, A));
    const found = productSvd(B, transposeMatrix(A));
    for (let i = 0; i < 6; i++) expect(Math.abs(found.S[i]! - whole.S[i]!)).toBeLessThan(1e-12);
    expect(distance(product(found), multiply(B, A))).toBeLessThan(1e-11);
  });

  test.each([
    ["exactly", undefined],
    ["by subspace iteration", 4],
  ])("a large matrix of falling values, %s: as exact as the whole decomposition", (_, iterations) => {
    for (const [rows, columns] of [
      [300, 200],
      [200, 301],
    ] as const) {
      const known = falling(rows, columns, 30);
      const found = truncatedSvd(product(known), 8, normal, iterations);
      for (let i = 0; i < 8; i++) expect(Math.abs(found.S[i]! - known.S[i]!)).toBeLessThan(1e-13);
      expect(distance(product(found), product(truncate(known, 8)))).toBeLessThan(1e-10);
      expect(fromIdentity(found.U)).toBeLessThan(1e-12);
      expect(fromIdentity(found.V)).toBeLessThan(1e-12);
    }
  });

  test("pure noise, the worst case: exactly, or over 98% of what the best of its rank keeps", () => {
    const A = random(260, 200);
    const whole = truncate(svd(A), 8);
    const best = sumOfSquares(whole.S);
    const { S } = truncatedSvd(A, 8, normal, 4);
    expect(sumOfSquares(S)).toBeLessThan(best);
    expect(sumOfSquares(S) / best).toBeGreaterThan(0.98); // measured 0.985
    const found = truncatedSvd(A, 8, normal);
    for (let i = 0; i < 8; i++) expect(Math.abs(found.S[i]! - whole.S[i]!)).toBeLessThan(1e-11);
    expect(distance(product(found), product(whole))).toBeLessThan(1e-6 * Math.sqrt(best));
  });

  test("of a lower rank than asked for, of zeros, and of what is not a number", () => {
    const low = product(falling(150, 140, 3));
    const found = truncatedSvd(low, 6, normal);
    expect(distance(product(found), low)).toBeLessThan(1e-13);
    expect(Math.max(...found.S.slice(3))).toBeLessThan(1e-13);
    expect(fromIdentity(found.U)).toBeLessThan(1e-12);
    const nothing = truncatedSvd({ rows: 150, columns: 140, data: new Float64Array(150 * 140) }, 6, normal);
    expect(nothing.S).toEqual(new Float64Array(6));
    const spoilt = random(150, 140);
    spoilt.data[77] = Number.NaN;
    expect(() => truncatedSvd(spoilt, 6, normal)).toThrow(/not a number/);
  });
});
