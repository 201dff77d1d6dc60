const NAN = "\u0000NaN";

/**
 * JSON as Python reads it: what `JSON.parse` takes, and NaN, Infinity and -Infinity, which `json.dumps` writes for floats
 * that are not finite.
 * @throws SyntaxError as `JSON.parse` does.
 */
export function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const standard = outsideStrings(text, withNumbers);
    if (standard === text) throw error;
    return JSON.parse(standard, (_, value) => (value === NAN ? Number.NaN : value));
  }
}

/** 1e999 is more than a float can hold, and so read as infinity. */
const withNumbers = (part: string): string =>
  part.replace(/\bInfinity\b/g, "1e999").replace(/\bNaN\b/g, JSON.stringify(NAN));

/** The same text, character by character, with digits for those words: where it still is no JSON, Python has none either. */
export const withoutPythonWords = (text: string): string =>
  outsideStrings(text, (part) => part.replace(/\b(Infinity|NaN)\b/g, (word) => "1".repeat(word.length)));

function outsideStrings(text: string, change: (part: string) => string): string {
  const parts: string[] = [];
  for (let at = 0; at < text.length; ) {
    const start = text.indexOf('"', at);
    const end = start < 0 ? text.length : stringEnd(text, start);
    parts.push(change(text.slice(at, start < 0 ? end : start)));
    if (start >= 0) parts.push(text.slice(start, end));
    at = end;
  }
  return parts.join("");
}

/** The index just after the string that opens at `start`; the text's end where it isn't closed. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; ; ) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return text.length;
    let slashes = 0;
    while (text[quote - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}
