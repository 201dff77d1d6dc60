/** A pattern's characters, read one after another. */
export interface PatternReader {
  /** Index of the next character. */
  at: number;
  readonly size: number;
  /** The character `ahead` of the next one, "" beyond the end. */
  peek(ahead?: number): string;
  /** Takes the next character; "" at the end. */
  next(): string;
  /** Takes `text` if it comes next. */
  take(text: string): boolean;
  /** Takes what a sticky expression matches from here on. */
  match(sticky: RegExp): RegExpExecArray | undefined;
  /** Gives up, saying what can't be read, and where. */
  refuse(what: string): never;
}

export function readPattern(source: string, refuse: (what: string) => never): PatternReader {
  const chars = Array.from(source);
  const reader: PatternReader = {
    at: 0,
    size: chars.length,
    peek: (ahead = 0) => chars[reader.at + ahead] ?? "",
    next: () => chars[reader.at++] ?? "",
    take(text) {
      if (
        !chars
          .slice(reader.at, reader.at + text.length)
          .join("")
          .startsWith(text)
      )
        return false;
      reader.at += text.length; // syntax is ASCII
      return true;
    },
    match(sticky) {
      sticky.lastIndex = 0;
      const found = sticky.exec(chars.slice(reader.at, reader.at + LONGEST).join(""));
      if (!found) return undefined;
      reader.at += Array.from(found[0]).length;
      return found;
    },
    refuse: (what) => refuse(`${what} (at character ${reader.at})`),
  };
  return reader;
}

const LONGEST = 100; // of a name or a number
