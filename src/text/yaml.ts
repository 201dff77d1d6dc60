import { type Document, isScalar, parseDocument, stringify, visit } from "yaml";
import { AttuneError } from "./errors.ts";

const MAX_ALIASES = 100; // more expansions than any recipe has; a "billion laughs" file has more
const MAX_DEPTH = 200; // levels of brackets; the reader calls itself for each
const MAX_INDENT = 400; // columns; the reader's patterns grow with them

export interface YamlOptions {
  /** Without it, tags that are not known and other doubts of the reader pass, as in the headers of READMEs. */
  isStrict?: boolean;
}

/**
 * Reads one YAML 1.2 document of plain values. A key that is there twice, a tag that is not known and anything else
 * the reader has doubts about is refused.
 * @throws AttuneError with line and column.
 */
export function parseYaml(text: string, where: string, { isStrict = true }: YamlOptions = {}): unknown {
  checkNesting(text, where);
  try {
    // The reader's own look at double keys compares each key with each.
    const document = parseDocument(text, { uniqueKeys: false, strict: isStrict, stringKeys: isStrict });
    const problem = [...document.errors, ...(isStrict ? document.warnings : [])][0];
    if (problem)
      throw new AttuneError({ code: "text.invalid-yaml", place: where, problem: problem.message.trimEnd() });
    const twice = repeatedKey(document);
    if (twice)
      throw new AttuneError({
        code: "text.repeated-key",
        place: where,
        problem: `the key ${twice.key} is there twice, at line ${lineOf(text, twice.at)}`,
      });
    if (holdsItself(document))
      throw new AttuneError({
        code: "text.endless-alias",
        place: where,
        problem: "an alias (*) is part of what it names",
      });
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    if (error instanceof AttuneError) throw error;
    throw new AttuneError({ code: "text.invalid-yaml", place: where, problem: (error as Error).message });
  }
}

function checkNesting(text: string, where: string): void {
  const opening = /^[ \t]*(?:[-?:][ \t]+)*/gm;
  for (const [start] of text.matchAll(opening))
    if (start.length > MAX_INDENT)
      throw new AttuneError({
        code: "text.too-deep",
        place: where,
        problem: `a line is indented by more than ${MAX_INDENT} columns`,
      });
  let depth = 0;
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth = bracket === "[" || bracket === "{" ? depth + 1 : Math.max(0, depth - 1);
    if (depth > MAX_DEPTH)
      throw new AttuneError({
        code: "text.too-deep",
        place: where,
        problem: `brackets are nested more than ${MAX_DEPTH} deep`,
      });
  }
}

const lineOf = (text: string, at: number): number => text.slice(0, at).split("\n").length;

function repeatedKey(document: Document.Parsed): { key: string; at: number } | undefined {
  let found: { key: string; at: number } | undefined;
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<unknown>();
      const twice = items.find(({ key }) => isScalar(key) && seen.size === seen.add(key.value).size);
      if (!twice || !isScalar(twice.key)) return undefined;
      found = { key: JSON.stringify(String(twice.key.value).slice(0, 60)), at: twice.key.range?.[0] ?? 0 };
      return visit.BREAK;
    },
  });
  return found;
}

function holdsItself(document: Document.Parsed): boolean {
  const anchors = new Map<string, unknown>();
  let found = false;
  visit(document, {
    Value(_, node) {
      if (node.anchor) anchors.set(node.anchor, node);
    },
    Alias(_, { source }, path) {
      if (!path.some((node) => node === anchors.get(source))) return undefined;
      found = true;
      return visit.BREAK;
    },
  });
  return found;
}

/** A value as YAML, its short lists and objects on lines of their own. */
export const formatYaml = (value: unknown): string => stringify(value, { lineWidth: 110 });
