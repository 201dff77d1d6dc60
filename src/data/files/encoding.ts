/** Text that is not UTF-8: which encoding it is in, as far as its bytes show. */

export type TextEncoding = "UTF-16" | "UTF-16LE" | "UTF-16BE" | "UTF-32" | "GB18030";

/** By its byte order mark. */
export function markedEncoding([a, b, c, d]: Uint8Array): TextEncoding | undefined {
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? "UTF-32" : "UTF-16";
  if (a === 0xfe && b === 0xff) return "UTF-16";
  return a === 0 && b === 0 && c === 0xfe && d === 0xff ? "UTF-32" : undefined;
}

/** What bytes that are no UTF-8 text likely are; they may be cut off anywhere. */
export function guessEncoding(bytes: Uint8Array): TextEncoding | undefined {
  const gb = bytes.includes(0) ? undefined : foreignLines(bytes);
  if (gb && looksLikeGb18030(gb)) return "GB18030";
  return likelyUtf16(bytes.subarray(0, SAMPLE));
}

const SAMPLE = 2 ** 16; // bytes that are looked at

/** From the line on that has the first byte beyond ASCII. */
function foreignLines(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte >= 0x80);
  const start = bytes.lastIndexOf(0x0a, first) + 1;
  return bytes.subarray(start, start + SAMPLE);
}

/** For messages: what is wrong, and what to do. */
export const describeEncoding = (encoding: TextEncoding | undefined): { problem: string; wayOut: string } =>
  encoding === undefined
    ? { problem: "not UTF-8 text", wayOut: "Save it as UTF-8" }
    : {
        problem: `the text is ${encoding === "GB18030" ? "GB18030 (GBK)" : encoding}, not UTF-8`,
        wayOut: `Convert it: iconv -f ${encoding} -t UTF-8 OLD > NEW; or save it as UTF-8`,
      };

const PLAUSIBLE = 0.97; // share of UTF-16 units that are letters, signs or ideographs in use
/** Share of bytes beyond ASCII in UTF-16 of ideographs or Hangul; other UTF-16 text is full of zero bytes. */
const FOREIGN = [0.2, 0.85] as const;

function likelyUtf16(bytes: Uint8Array): TextEncoding | undefined {
  const foreign = bytes.reduce((count, byte) => count + (byte >= 0x80 ? 1 : 0), 0);
  if (!bytes.includes(0) && !(foreign >= FOREIGN[0] * bytes.length && foreign <= FOREIGN[1] * bytes.length))
    return undefined;
  const shares = (["UTF-16LE", "UTF-16BE"] as const).map((encoding) => ({
    encoding,
    share: plausibleShare(bytes, encoding),
  }));
  const [best, other] = shares.sort((one, two) => two.share - one.share);
  return best!.share >= PLAUSIBLE && best!.share > other!.share ? best!.encoding : undefined;
}

function plausibleShare(bytes: Uint8Array, encoding: "UTF-16LE" | "UTF-16BE"): number {
  const units = bytes.length >> 1;
  const [low, high] = encoding === "UTF-16LE" ? [0, 1] : [1, 0];
  let plausible = 0;
  for (let i = 0; i < units; i++) if (isInUse(bytes[2 * i + low]! | (bytes[2 * i + high]! << 8))) plausible++;
  return units < 2 ? 0 : plausible / units;
}

/** Control characters but white space, and what lies beyond the common scripts, is not in use. */
function isInUse(unit: number): boolean {
  if (unit < 0x20) return unit === 0x09 || unit === 0x0a || unit === 0x0d;
  if (unit < 0x0700) return unit !== 0x7f && !(unit >= 0x80 && unit < 0xa0); // Latin to Arabic
  if (unit >= 0x2000 && unit < 0x2800) return true; // punctuation and signs
  if (unit >= 0x3000 && unit < 0x3400) return true; // kana, Chinese punctuation
  if (unit >= 0x4e00 && unit < 0xa000) return true; // ideographs
  if (unit >= 0xac00 && unit < 0xd7a4) return true; // Hangul
  return (unit >= 0x0900 && unit < 0x0e80) || (unit >= 0xd800 && unit < 0xe000) || unit >= 0xff00;
}

/**
 * GB18030 and GBK hold GB 2312, whose characters are most of any text: two bytes from 0xA1 on, ideographs from 0xB0 on. Other
 * encodings of two bytes differ: Big5 and Shift JIS have lower second bytes, EUC-KR's Hangul ends at 0xC8, and EUC-JP's
 * text is full of kana (0xA4, 0xA5).
 */
function looksLikeGb18030(bytes: Uint8Array): boolean {
  let [pairs, common, ideographs, beyondHangul, kana] = [0, 0, 0, 0, 0];
  for (let i = 0; i < bytes.length - 1; i++) {
    const lead = bytes[i]!;
    if (lead < 0x80) continue;
    const trail = bytes[++i]!;
    if (lead === 0x80 || lead === 0xff) return false;
    if (trail >= 0x30 && trail <= 0x39)
      i += 2; // four bytes
    else if (trail < 0x40 || trail === 0x7f || trail === 0xff) return false;
    pairs++;
    if (lead >= 0xa1 && lead <= 0xf7 && trail >= 0xa1) common++;
    if (lead >= 0xb0 && lead <= 0xf7) ideographs++;
    if (lead >= 0xc9 && lead <= 0xf7) beyondHangul++;
    if (lead === 0xa4 || lead === 0xa5) kana++;
  }
  if (pairs < 2 || common < 0.9 * pairs || ideographs < 0.5 * pairs || kana > 0.2 * pairs) return false;
  return pairs < 20 || beyondHangul > 0;
}
