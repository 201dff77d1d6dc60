/** What Python's str says of its characters: isdigit() and its like. */

import { isWhite } from "./characters.ts";

/** Digits that are no decimals: superscripts, numbers in circles and their like. */
const DIGITS =
  "\\p{Nd}\\xb2\\xb3\\xb9\\u1369-\\u1371\\u19da\\u2070\\u2074-\\u2079\\u2080-\\u2089\\u2460-\\u2468\\u2474-\\u247c\\u2488-\\u2490\\u24ea\\u24f5-\\u24fd\\u24ff\\u2776-\\u277e\\u2780-\\u2788\\u278a-\\u2792\\u{10a40}-\\u{10a43}\\u{10e60}-\\u{10e68}\\u{11052}-\\u{1105a}\\u{1f100}-\\u{1f10a}";
/** Numbers that are letters: Chinese ones. */
const NUMBERS =
  "\\p{N}㐅㒃㠪㭍一七万三九二五世亿什仟仨伍佰億兆兩八六十千升卅卌叁参參叄四壱壹幺廾廿弌弍弎弐拾捌柒漆玖百肆萬貮貳贰阡陆陌陸零\\uf96b\\uf973\\uf978\\uf9b2\\uf9d1\\uf9d3\\uf9fd\\u{20001}\\u{20064}\\u{200e2}\\u{20121}\\u{2092a}\\u{20983}\\u{2098c}\\u{2099c}\\u{20aea}\\u{20afd}\\u{20b19}\\u{22390}\\u{22998}\\u{23b1b}\\u{2626d}\\u{2f890}";

const all = (characters: string) => {
  const pattern = new RegExp(`^[${characters}]+$`, "u");
  return (self: string) => pattern.test(self);
};

const isWords = (self: string): boolean => {
  let [wasCased, found] = [false, false];
  for (const char of self) {
    const isSmall = /\p{Lowercase}/u.test(char);
    const isLarge = /[\p{Uppercase}\p{Lt}]/u.test(char);
    if ((isLarge && wasCased) || (isSmall && !wasCased)) return false;
    wasCased = isSmall || isLarge;
    found ||= wasCased;
  }
  return found;
};

export const isUpper = (self: string): boolean =>
  /\p{Uppercase}/u.test(self) && !/[\p{Lowercase}\p{Lt}]/u.test(self);
export const isLower = (self: string): boolean =>
  /\p{Lowercase}/u.test(self) && !/[\p{Uppercase}\p{Lt}]/u.test(self);

export const STRING_TESTS: readonly [string, (self: string) => boolean][] = [
  ["isdecimal", all("\\p{Nd}")],
  ["isdigit", all(DIGITS)],
  ["isnumeric", all(NUMBERS)],
  ["isalpha", all("\\p{L}")],
  ["isalnum", all(`\\p{L}${NUMBERS}`)],
  ["isascii", (self) => /^[\0-\x7f]*$/.test(self)],
  ["isidentifier", (self) => /^[\p{ID_Start}_]\p{ID_Continue}*$/u.test(self)],
  ["isprintable", (self) => !/(?! )[\p{C}\p{Z}]/u.test(self)],
  ["isspace", (self) => self !== "" && Array.from(self).every(isWhite)],
  ["isupper", isUpper],
  ["islower", isLower],
  ["istitle", isWords],
];
