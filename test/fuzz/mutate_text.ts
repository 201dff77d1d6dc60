import type { Draw } from "./draw.ts";

const ODD_TEXTS = [
  ...[
    "",
    " ",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "\ufeff",
    "\u0085",
    "\u2028",
    "\u200d",
    "\ud83d",
    "é",
    "😀",
    "\u0301",
    "\u202e",
  ],
  ...[
    "__proto__",
    "constructor",
    "toString",
    "null",
    "NaN",
    "-Infinity",
    "1e999",
    "-1",
    "9007199254740993",
    "0x10",
  ],
  ...[
    "../../etc/passwd",
    "/dev/zero",
    "%s%n",
    "<|im_end|>",
    "</s>",
    "{{",
    "{%",
    "\\",
    "'",
    '"',
    "`",
    "&a [*a]",
    "- -",
  ],
];

export const oddText = (draw: Draw): string =>
  draw.chance(0.1)
    ? draw.pick(["a", " ", "é", "\u0301", "[", "{{", "\n"]).repeat(10 ** (2 + draw.below(4)))
    : draw.pick(ODD_TEXTS);

/** Cuts, repeats and moves parts of a text, and writes odd ones into it. @param words of the text's language */
export function mutateText(draw: Draw, text: string, words: readonly string[] = []): string {
  const at = draw.below(text.length + 1);
  const length = 1 + draw.below(draw.pick([2, 20, 200]));
  const part = text.slice(at, at + length);
  const insert = (what: string, to = at) => text.slice(0, to) + what + text.slice(to);
  switch (draw.below(8)) {
    case 0:
      return text.slice(0, at) + text.slice(at + length);
    case 1:
      return insert(oddText(draw));
    case 2:
      return insert(words.length > 0 ? draw.pick(words) : oddText(draw));
    case 3:
      return insert(part, draw.below(text.length + 1));
    case 4:
      return insert(part.repeat(1 + draw.below(draw.pick([3, 1000]))));
    case 5:
      return text.slice(0, at);
    case 6:
      return text.replace(/-?\d+(\.\d+)?/g, (number) =>
        draw.chance(0.3) ? oddNumber(draw, Number(number)) : number,
      );
    default:
      return text.slice(0, at) + oddText(draw) + text.slice(at + length);
  }
}

/** As JSON writes it, or other languages do. */
export function oddNumber(draw: Draw, number: number): string {
  const odd = [
    0,
    -0,
    -1,
    1,
    -number,
    number + 1,
    number * 1000,
    number / 7,
    0.5,
    1e-300,
    1e300,
    2 ** 31,
    2 ** 32,
    2 ** 53,
  ];
  if (draw.chance(0.2))
    return draw.pick([
      "NaN",
      "Infinity",
      "-Infinity",
      "1e999",
      "123456789012345678901234567890",
      "00",
      "1_000",
    ]);
  return String(draw.pick(odd));
}
