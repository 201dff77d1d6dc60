const ENGLISH =
  `zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
  seventeen eighteen nineteen`.split(/\s+/);
const ENGLISH_TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split(" ");
const CHINESE = [..."零一二三四五六七八九"];

/** A whole number from 1 to 999 in English words, as in "two hundred and forty-one". */
export function englishNumber(n: number): string {
  const [hundreds, rest] = [Math.floor(n / 100), n % 100];
  if (hundreds === 0) return below100(rest);
  return `${ENGLISH[hundreds]} hundred${rest > 0 ? ` and ${below100(rest)}` : ""}`;
}

function below100(n: number): string {
  if (n < 20) return ENGLISH[n]!;
  return ENGLISH_TENS[Math.floor(n / 10)]! + (n % 10 > 0 ? `-${ENGLISH[n % 10]}` : "");
}

/** A whole number from 1 to 999 in Chinese, as in 二百四十一, 三百零五, 一百一十 and 十二. */
export function chineseNumber(n: number): string {
  const [hundreds, tens, ones] = [Math.floor(n / 100), Math.floor(n / 10) % 10, n % 10];
  const head = hundreds > 0 ? `${CHINESE[hundreds]}百` : "";
  const tail = ones > 0 ? CHINESE[ones] : "";
  if (tens === 0) return head + (head && tail ? "零" : "") + tail;
  return `${head}${head === "" && tens === 1 ? "" : CHINESE[tens]}十${tail}`;
}
