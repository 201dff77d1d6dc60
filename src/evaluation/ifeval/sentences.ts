/** Abbreviations that end no sentence. */
const ABBREVIATION =
  /(?:^|[\s("'“])(?:mr|mrs|ms|dr|prof|st|sr|jr|vs|etc|e\.g|i\.e|u\.s|no|inc|ltd|co|gen|col|rev|capt|lt|fig|vol|al|\p{L})\.$/iu;

/**
 * How many sentences there are. IFEval asks NLTK's trained punkt model; this goes by its rules: a mark, perhaps closing
 * quotation marks or brackets, then white space ends a sentence, but not behind an abbreviation or before a small letter.
 */
export function countSentences(text: string): number {
  let [count, from] = [0, 0];
  for (const match of text.matchAll(/([.?!]+)["'”’)\]]*(\s+)/gu)) {
    const end = match.index + match[0].length;
    if (end >= text.trimEnd().length) break;
    const before = text.slice(from, match.index + match[1]!.length);
    const isPeriod = /^\.+$/.test(match[1]!);
    if (isPeriod && (ABBREVIATION.test(before) || /^\p{Ll}/u.test(text.slice(end)))) continue;
    count++;
    from = end;
  }
  return text.slice(from).trim() === "" ? count : count + 1;
}
