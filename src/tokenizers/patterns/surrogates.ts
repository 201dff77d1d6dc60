/** Where the character that ends at `at` begins. */
export function placeBefore(text: string, at: number): number {
  return at > 1 && isPair(text, at - 2) ? at - 2 : at - 1;
}

/** Whether the units at `at` and behind it are one character. */
export function isPair(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00;
}
