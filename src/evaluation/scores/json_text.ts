/** The value that an answer is, as JSON, alone or in a code fence; undefined when it is none. */
export function jsonOf(answer: string): { value: unknown } | undefined {
  const text = answer.trim().replace(/^```(?:json)?[^\S\n]*\n?|\n?```$/gi, "");
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}
