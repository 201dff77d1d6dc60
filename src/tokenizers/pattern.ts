import { ReplaceNormalizer } from "@huggingface/tokenizers";
import { AttuneError } from "../text/errors.ts";

/** A `pattern` of tokenizer.json, `{ "Regex": … }` (Oniguruma's syntax) or `{ "String": … }`, as a global expression. */
export function compilePattern(pattern: unknown): RegExp {
  const { Regex, String: literal } = (pattern ?? {}) as { Regex?: unknown; String?: unknown };
  if (typeof Regex !== "string" && typeof literal !== "string")
    throw new AttuneError(
      `tokenizer.json: expected a pattern {"Regex": …} or {"String": …}, got ${JSON.stringify(pattern)}`,
    );
  try {
    const source = typeof Regex === "string" ? { Regex } : { String: literal as string };
    return new ReplaceNormalizer({ type: "Replace", pattern: source, content: "" }).pattern!;
  } catch (error) {
    throw new AttuneError(
      `tokenizer.json: the pattern ${JSON.stringify(pattern)} can't be read: ${(error as Error).message}`,
    );
  }
}
