/** Characters that are words of their own: Han, kana and Hangul are not written with spaces between words. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;

export const isUnspaced = (text: string): boolean => UNSPACED.test(text);

const WORD = new RegExp(`${UNSPACED.source}|(?:(?!${UNSPACED.source})[\\p{L}\\p{M}\\p{N}])+`, "gu");

/** Words of any script, in lower case; a character of a script without spaces is one. */
export const wordsOf = (text: string): string[] => text.toLowerCase().match(WORD) ?? [];

/**
 * Words as rouge_score's default tokenizer has them, lower-case runs of a-z and 0-9: all else is white space. It finds none in
 * Chinese, Japanese or Korean; a pair that has any of these is cut by `wordsOf`.
 */
export const rougeWords = (text: string): string[] => text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
