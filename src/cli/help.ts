const WIDTH = 80;

/** The end of a command's help: command lines to copy, and what each does. */
export function examples(lines: readonly (readonly [command: string, purpose: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  const fits = lines.every(([, purpose]) => width + purpose.length + 6 <= WIDTH);
  const text = lines.map(([command, purpose]) =>
    fits ? `  ${command.padEnd(width)}  # ${purpose}` : `  # ${purpose}\n  ${command}`,
  );
  return `\nExamples:\n${text.join("\n")}\n`;
}
