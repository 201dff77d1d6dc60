/** A set of code points. Sets of one key hold the same. */
export interface CharSet {
  readonly key: string;
  has(codePoint: number): boolean;
}

/** Code points `from` to `to`, both included. */
export function range(from: number, to: number): CharSet {
  return { key: `${from}-${to}`, has: (codePoint) => codePoint >= from && codePoint <= to };
}

export const oneOf = (codePoints: readonly number[]): CharSet => union(codePoints.map((c) => range(c, c)));

export function union(sets: readonly CharSet[]): CharSet {
  if (sets.length === 1) return sets[0]!;
  return {
    key: `(${sets.map(({ key }) => key).join("|")})`,
    has: (codePoint) => sets.some((set) => set.has(codePoint)),
  };
}

export function intersection(sets: readonly CharSet[]): CharSet {
  if (sets.length === 1) return sets[0]!;
  return {
    key: `(${sets.map(({ key }) => key).join("&")})`,
    has: (codePoint) => sets.every((set) => set.has(codePoint)),
  };
}

export function complement({ key, has }: CharSet): CharSet {
  return { key: `!${key}`, has: (codePoint) => !has(codePoint) };
}

/** What a JavaScript expression for one character matches, such as `\p{L}`. */
export function matching(expression: string): CharSet {
  const pattern = new RegExp(`^${expression}$`, "u");
  return { key: expression, has: (codePoint) => pattern.test(String.fromCodePoint(codePoint)) };
}
