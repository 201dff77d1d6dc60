/** One fault as it is; several one a line, the first ten in full. */
export function listed(faults: readonly string[]): string {
  if (faults.length === 1) return faults[0]!;
  const lines = faults.slice(0, 10).map((fault) => `\n  ${fault}`);
  if (faults.length > 10) lines.push(`\n  and ${faults.length - 10} more`);
  return lines.join("");
}
