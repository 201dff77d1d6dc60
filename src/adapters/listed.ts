/** Faults, one a line, the first ten in full. */
export function listed(faults: readonly string[]): string {
  const lines = faults.slice(0, 10).map((fault) => `\n  ${fault}`);
  if (faults.length > 10) lines.push(`\n  and ${faults.length - 10} more`);
  return lines.join("");
}
