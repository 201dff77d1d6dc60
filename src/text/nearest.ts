/**
 * The candidate that `word` is likely a slip for: the one that differs by the fewest insertions, deletions, replacements
 * and swaps of neighbours, case aside; the first of equals. Where in all more than a third of the letters differ, the
 * only one that begins with the word (three letters at least); else undefined: it is another word.
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  return leastDistant(word, candidates) ?? onlyBeginning(word, candidates);
}

function onlyBeginning(word: string, candidates: readonly string[]): string | undefined {
  const [first, ...others] = candidates.filter((candidate) =>
    candidate.toLowerCase().startsWith(word.toLowerCase()),
  );
  return word.length >= 3 && others.length === 0 ? first : undefined;
}

function leastDistant(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const limit = Math.floor(Math.max(word.length, candidate.length) / 3);
    if (Math.abs(word.length - candidate.length) > Math.min(limit, bestDistance)) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance <= limit && distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Optimal string alignment (Levenshtein's distance, with swaps), a row at a time. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      let distance = Math.min(row[j + 1]! + 1, next[j]! + 1, row[j]! + (a[i] === b[j] ? 0 : 1));
      if (i > 0 && j > 0 && a[i] === b[j - 1] && a[i - 1] === b[j])
        distance = Math.min(distance, before[j - 1]! + 1);
      next.push(distance);
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}
