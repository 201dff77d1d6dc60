import { parseDocument } from "yaml";
import { AttuneError } from "../text/errors.ts";

const MAX_ALIASES = 100; // more expansions than any recipe has; a "billion laughs" file has more

/**
 * Reads one YAML 1.2 document of plain values. A key that is there twice, a tag that is not known and anything else
 * the reader has doubts about is refused.
 * @throws AttuneError with line and column.
 */
export function parseYaml(text: string, where: string): unknown {
  const document = parseDocument(text, { uniqueKeys: true, strict: true, stringKeys: true });
  const problem = [...document.errors, ...document.warnings][0];
  if (problem) throw new AttuneError(`${where}: ${problem.message.trimEnd()}`);
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    throw new AttuneError(`${where}: ${(error as Error).message}`);
  }
}
