/**
 * GPT-2's reversible map between bytes and printable characters, in which byte-level BPE spells its tokens:
 * printable Latin-1 bytes stand for themselves, the others for the characters from U+0100 on (a space is "Ġ").
 * Source: https://github.com/openai/gpt-2/blob/master/src/encoder.py, bytes_to_unicode.
 */
const PRINTABLE: [number, number][] = [
  [0x21, 0x7e],
  [0xa1, 0xac],
  [0xae, 0xff],
];

/** Character of each byte, [256]. */
export const BYTE_TO_CHAR: readonly string[] = spellBytes();

/** Byte of each character of the alphabet. */
export const CHAR_TO_BYTE: ReadonlyMap<string, number> = new Map(
  BYTE_TO_CHAR.map((char, byte) => [char, byte]),
);

function spellBytes(): string[] {
  let unprintable = 0;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = PRINTABLE.some(([first, last]) => byte >= first && byte <= last);
    return String.fromCharCode(printable ? byte : 0x100 + unprintable++);
  });
}

const utf8 = new TextEncoder();

/** Text as byte-level BPE sees it: one character of the alphabet for each UTF-8 byte. */
export function spellText(text: string): string {
  let spelled = "";
  for (const byte of utf8.encode(text)) spelled += BYTE_TO_CHAR[byte];
  return spelled;
}
