import { expect, test } from "vitest";
import { chineseNumber, englishNumber } from "./number_words.ts";

test.each([
  [7, "seven", "七"],
  [10, "ten", "十"],
  [12, "twelve", "十二"],
  [20, "twenty", "二十"],
  [41, "forty-one", "四十一"],
  [100, "one hundred", "一百"],
  [105, "one hundred and five", "一百零五"],
  [110, "one hundred and ten", "一百一十"],
  [214, "two hundred and fourteen", "二百一十四"],
  [330, "three hundred and thirty", "三百三十"],
  [999, "nine hundred and ninety-nine", "九百九十九"],
])("%d", (n, english, chinese) => {
  expect(englishNumber(n)).toBe(english);
  expect(chineseNumber(n)).toBe(chinese);
});

test("no two numbers are written the same", () => {
  const numbers = Array.from({ length: 999 }, (_, i) => i + 1);
  expect(new Set(numbers.map(englishNumber)).size).toBe(999);
  expect(new Set(numbers.map(chineseNumber)).size).toBe(999);
});
