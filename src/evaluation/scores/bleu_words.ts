/** Which of sacrebleu's tokenizers cuts a text into words: "13a", the default, or "zh" for Chinese. */
export type BleuTokenizer = "13a" | "zh";

/** mteval-v13a's rules, as sacrebleu applies them. */
function words13a(text: string): string[] {
  const plain = text
    .replaceAll("<skipped>", "")
    .replaceAll("-\n", "")
    .replaceAll("\n", " ")
    .replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">");
  return splitMarks(` ${plain} `);
}

/** Each Chinese character is a word; the rest goes by the common rules. */
function wordsZh(text: string): string[] {
  let spaced = "";
  for (const character of stripPython(text)) spaced += isChinese(character) ? ` ${character} ` : character;
  return splitMarks(spaced);
}

/** Marks are words; periods and commas not between digits are, and a dash behind a digit. */
function splitMarks(text: string): string[] {
  const spaced = text
    .replace(/([{-~[-` -&(-+:-@/])/g, " $1 ")
    .replace(/([^0-9])([.,])/gu, "$1 $2 ")
    .replace(/([.,])([^0-9])/gu, " $1 $2")
    .replace(/([0-9])(-)/g, "$1 $2 ");
  return splitPython(spaced);
}

/** What Python's str.split() takes for white space. */
const SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const SPACES = new RegExp(`${SPACE}+`);
const ENDS = new RegExp(`^${SPACE}+|${SPACE}+$`, "g");
const END = new RegExp(`${SPACE}+$`);

export const splitPython = (text: string): string[] => text.split(SPACES).filter((word) => word !== "");
const stripPython = (text: string): string => text.replace(ENDS, "");

/**
 * Ranges of code points that sacrebleu takes for Chinese. Two of its ranges are written with five hexadecimal digits behind
 * \u, which Python reads as a character and a digit: they are U+2001 to U+2A6D and U+2F81 to U+2FA1 here as there.
 */
const CHINESE: readonly (readonly [number, number])[] = [
  [0x3400, 0x4db5],
  [0x4e00, 0x9fbb],
  [0xf900, 0xfa2d],
  [0xfa30, 0xfa6a],
  [0xfa70, 0xfad9],
  [0x2001, 0x2a6d],
  [0x2f81, 0x2fa1],
  [0xff00, 0xffef],
  [0x2e80, 0x2eff],
  [0x3000, 0x303f],
  [0x31c0, 0x31ef],
  [0x2f00, 0x2fdf],
  [0x2ff0, 0x2fff],
  [0x3100, 0x312f],
  [0x31a0, 0x31bf],
  [0xfe10, 0xfe1f],
  [0xfe30, 0xfe4f],
  [0x3200, 0x33ff],
];

function isChinese(character: string): boolean {
  const code = character.codePointAt(0)!;
  return CHINESE.some(([from, to]) => code >= from && code <= to);
}

export function bleuWords(text: string, tokenizer: BleuTokenizer): string[] {
  const line = text.replace(END, "");
  return tokenizer === "zh" ? wordsZh(line) : words13a(line);
}
