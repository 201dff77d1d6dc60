export interface JsonError {
  /** Where the text stops being JSON. */
  index: number;
  /** 1-based. */
  line: number;
  column: number;
  /** Whether all would be well so far, had the text not ended. */
  isCut: boolean;
}

/** What may come next. */
type Expectation = "value" | "value or ]" | "key" | "key or }" | ":" | ", or end";
type TokenKind = "{" | "}" | "[" | "]" | "," | ":" | "string" | "open string" | "atom";

/** Finds where a text that `JSON.parse` refused goes wrong: engines tell it in different ways, or not at all. */
export function findJsonError(text: string): JsonError {
  const open: string[] = [];
  let expected: Expectation = "value";
  let index = 0;
  let token: ReturnType<typeof readToken>;
  for (;;) {
    index = skipSpace(text, index);
    token = readToken(text, index);
    const next: Expectation | undefined = token && step(expected, token.kind, open);
    if (!token || !next) break;
    expected = next;
    index = token.end;
  }
  const before = text.slice(0, index).split("\n");
  const isCut = index === text.length || token?.kind === "open string";
  return { index, line: before.length, column: before.at(-1)!.length + 1, isCut };
}

/** Undefined where `kind` may not come; `open` holds the brackets to be closed. */
function step(expected: Expectation, kind: TokenKind, open: string[]): Expectation | undefined {
  const closes = kind === "}" || kind === "]";
  const mayClose =
    expected === ", or end" || expected === `value or ${kind}` || expected === `key or ${kind}`;
  if (closes) return mayClose && open.pop() === kind ? ", or end" : undefined;
  if (expected === ":") return kind === ":" ? "value" : undefined;
  if (expected === ", or end") return kind === "," && open.length > 0 ? afterComma(open) : undefined;
  if (expected === "key" || expected === "key or }") return kind === "string" ? ":" : undefined;
  if (kind === "string" || kind === "atom") return ", or end";
  if (kind === "{" || kind === "[") {
    open.push(kind === "{" ? "}" : "]");
    return kind === "{" ? "key or }" : "value or ]";
  }
  return undefined;
}

const afterComma = (open: string[]): Expectation => (open.at(-1) === "}" ? "key" : "value");

function skipSpace(text: string, index: number): number {
  while (index < text.length && " \t\n\r".includes(text[index]!)) index++;
  return index;
}

const ATOM = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

function readToken(text: string, index: number): { kind: TokenKind; end: number } | undefined {
  const char = text[index];
  if (char === undefined) return undefined;
  if ("{}[],:".includes(char)) return { kind: char as TokenKind, end: index + 1 };
  if (char === '"') return readString(text, index);
  ATOM.lastIndex = index;
  return ATOM.test(text) ? { kind: "atom", end: ATOM.lastIndex } : undefined;
}

const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

function readString(text: string, index: number): { kind: TokenKind; end: number } | undefined {
  for (let at = index + 1; at < text.length; ) {
    if (text[at] === '"') return { kind: "string", end: at + 1 };
    if (text.charCodeAt(at) < 0x20) return undefined;
    if (text[at] !== "\\") at++;
    else {
      ESCAPE.lastIndex = at;
      if (!ESCAPE.test(text)) return undefined;
      at = ESCAPE.lastIndex;
    }
  }
  return { kind: "open string", end: text.length };
}

/** What stands where the JSON goes wrong. */
export function excerptAt(text: string, { index, isCut }: JsonError): string {
  return isCut ? ": the text ends too early" : `, before ${JSON.stringify(text.slice(index, index + 20))}`;
}
