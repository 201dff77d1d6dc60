import { stripEnd, WHITE } from "./characters.ts";
import { TemplateError } from "./error.ts";

export interface Token {
  /** "text" is what stands between tags; "block" and "variable" begin tags, "end" ends them. */
  type: "text" | "block" | "variable" | "end" | "name" | "string" | "integer" | "float" | "operator";
  value: string;
  /** 1-based. */
  line: number;
}

/**
 * jinja2's lexer with transformers' settings, `trim_blocks` and `lstrip_blocks`: a block tag takes the line break after
 * it along, and the blanks before it on its line. `-` takes all white space, `+` none.
 */
export function tokenize(template: string): Token[] {
  if (template.length > MAX_SOURCE) throw new TemplateError(`it has more than ${MAX_SOURCE} characters`);
  const source = template.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  const tokens: Token[] = [];
  const lines = lineCounter(source);
  let at = 0;
  let lineStarting = true;
  const push = (type: Token["type"], value: string, position: number) =>
    tokens.push({ type, value, line: lines(position) });
  const match = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const found = pattern.exec(source);
    if (found) at += found[0].length;
    return found;
  };
  const endOfTag = (pattern: RegExp, what: string) => {
    const found = match(pattern);
    if (!found) throw new TemplateError(`line ${lines(at)}: expected ${what}`);
    lineStarting = found[0].endsWith("\n");
  };

  while (at < source.length) {
    const start = at;
    BEGIN.lastIndex = at;
    const begin = BEGIN.exec(source);
    const end = begin ? begin.index : source.length;
    const [, kind, sign] = begin ?? [];
    const text = stripBefore(source.slice(start, end), { kind, sign, lineStarting });
    if (text !== "") push("text", text, start);
    if (!begin) break;
    at = end + begin[0].length;
    lineStarting = false;
    if (kind === "{#") {
      const close = source.indexOf("#}", at);
      if (close < 0) throw new TemplateError(`line ${lines(end)}: a comment that isn't closed`);
      at = /[-+]/.test(source[close - 1]!) && close > at ? close - 1 : close;
      endOfTag(COMMENT_END, "#}");
      continue;
    }
    if (kind === "{%" && match(RAW)) {
      END_RAW.lastIndex = at;
      const found = END_RAW.exec(source);
      if (!found) throw new TemplateError(`line ${lines(end)}: {% raw %} isn't closed`);
      const raw = stripBefore(source.slice(at, found.index), {
        kind,
        sign: found[1],
        lineStarting: source[at - 1] === "\n",
      });
      if (raw !== "") push("text", raw, at);
      at = found.index + found[0].length;
      endOfTag(BLOCK_END, "%}");
      continue;
    }
    push(kind === "{%" ? "block" : "variable", "", end);
    readTag(kind === "{%" ? BLOCK_END : VARIABLE_END);
  }
  return tokens;

  function readTag(end: RegExp): void {
    const open: string[] = [];
    const opened = at;
    for (;;) {
      match(SPACE);
      if (at >= source.length) throw new TemplateError(`line ${lines(opened)}: a tag that isn't closed`);
      const start = at;
      if (open.length === 0) {
        const found = match(end);
        if (found) {
          lineStarting = found[0].endsWith("\n");
          push("end", "", start);
          return;
        }
      }
      const found = match(LEXEME);
      if (!found) throw new TemplateError(`line ${lines(at)}: unexpected ${JSON.stringify(source[at])}`);
      const { float, integer, name, string, operator } = found.groups!;
      if (float !== undefined) push("float", float.replaceAll("_", ""), start);
      else if (integer !== undefined) push("integer", integer.replaceAll("_", ""), start);
      else if (name !== undefined) push("name", name, start);
      else if (string !== undefined) push("string", unescapeString(string.slice(1, -1)), start);
      else {
        const closes = CLOSING[operator!];
        if (closes !== undefined && open.pop() !== closes)
          throw new TemplateError(`line ${lines(start)}: unexpected ${operator}`);
        if ("([{".includes(operator!)) open.push(operator!);
        push("operator", operator!, start);
      }
    }
  }
}

const MAX_SOURCE = 2 ** 20;
const SPACES = `[${WHITE}]`;
const BEGIN = /(\{[%{#])([-+]?)/g;
const RAW = new RegExp(`${SPACES}*raw${SPACES}*(?:-%\\}${SPACES}*|%\\})`, "y");
const END_RAW = new RegExp(`\\{%([-+]?)${SPACES}*endraw${SPACES}*(?=[-+]?%\\})`, "g");
const SPACE = new RegExp(`${SPACES}+`, "y");
const BLOCK_END = new RegExp(`\\+%\\}|-%\\}${SPACES}*|%\\}\\n?`, "y");
const VARIABLE_END = new RegExp(`-\\}\\}${SPACES}*|\\}\\}`, "y");
const COMMENT_END = new RegExp(`\\+#\\}|-#\\}${SPACES}*|#\\}\\n?`, "y");
const DIGITS = "(?:\\d+_)*\\d+";
const LEXEME = new RegExp(
  [
    `(?<float>(?<!\\.)${DIGITS}(?:(?:\\.${DIGITS})?[eE][-+]?${DIGITS}|\\.${DIGITS}))`,
    "(?<integer>0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[\\da-fA-F])+|[1-9](?:_?\\d)*|0(?:_?0)*)",
    "(?<name>[\\p{ID_Start}_]\\p{ID_Continue}*)",
    "(?<string>'[^'\\\\]*(?:\\\\[^][^'\\\\]*)*'|\"[^\"\\\\]*(?:\\\\[^][^\"\\\\]*)*\")",
    "(?<operator>\\/\\/|\\*\\*|==|!=|>=|<=|[-+/*%~[\\](){}><=.:|,;])",
  ].join("|"),
  "uy",
);
const CLOSING: Record<string, string> = { ")": "(", "]": "[", "}": "{" };
const BLANK = new RegExp(`^${SPACES}+$`);

/** What is left of a text before a tag. */
function stripBefore(
  text: string,
  { kind, sign, lineStarting }: { kind?: string; sign?: string; lineStarting: boolean },
): string {
  if (sign === "-") return stripEnd(text);
  if (sign === "+" || kind === undefined || kind === "{{") return text;
  const line = text.lastIndexOf("\n") + 1;
  return (line > 0 || lineStarting) && BLANK.test(text.slice(line)) ? text.slice(0, line) : text;
}

/** Python's escapes; one it doesn't know stays as it is. */
function unescapeString(text: string): string {
  return text.replace(
    /\\(?:\n|x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})|([\s\S]))/g,
    (whole, hex2, hex4, hex8, octal, char) => {
      const hex = hex2 ?? hex4 ?? hex8;
      if (hex !== undefined) return fromCode(Number.parseInt(hex, 16), whole);
      if (octal !== undefined) return fromCode(Number.parseInt(octal, 8), whole);
      if (char !== undefined && "xuUN".includes(char))
        throw new TemplateError(`a string has a broken ${whole}`);
      return char === undefined ? "" : (ESCAPES[char] ?? whole);
    },
  );
}

function fromCode(code: number, whole: string): string {
  if (code > 0x10ffff) throw new TemplateError(`a string has a broken ${whole}`);
  return String.fromCodePoint(code);
}

const ESCAPES: Record<string, string> = {
  ...{ n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v", a: "\x07" },
  ...{ "\\": "\\", "'": "'", '"': '"' },
};

/** Positions come in rising order. */
function lineCounter(source: string): (position: number) => number {
  let [line, counted] = [1, 0];
  return (position) => {
    for (; counted < position; counted++) if (source[counted] === "\n") line++;
    return line;
  };
}
