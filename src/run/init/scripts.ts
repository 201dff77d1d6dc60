/** A writing system's share of the letters. */
export interface ScriptShare {
  name: string;
  share: number;
}

const SCRIPTS = [
  "Latin",
  "Han",
  "Cyrillic",
  "Arabic",
  "Devanagari",
  "Hangul",
  "Hiragana",
  "Katakana",
  "Greek",
  "Hebrew",
  "Thai",
  "Bengali",
  "Tamil",
];
const PATTERNS = SCRIPTS.map((name) => [name, new RegExp(`\\p{Script=${name}}`, "gu")] as const);

const LOOKED_AT = 2_000; // characters of a row

/** Counts letters by their writing system. */
export function scriptCounter() {
  const counts = new Map<string, number>();
  return {
    add(text: string): void {
      const part = text.slice(0, LOOKED_AT);
      for (const [name, pattern] of PATTERNS) {
        const found = part.match(pattern)?.length ?? 0;
        if (found > 0) counts.set(name, (counts.get(name) ?? 0) + found);
      }
    },
    shares(): ScriptShare[] {
      const total = [...counts.values()].reduce((sum, n) => sum + n, 0);
      return [...counts]
        .map(([name, n]) => ({ name, share: n / total }))
        .filter(({ share }) => share >= WORTH_TELLING)
        .sort((a, b) => b.share - a.share);
    },
  };
}

const WORTH_TELLING = 0.01;
