import { TemplateError } from "./value.ts";

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
      const close = /\{%([-+]?)\s*endraw\s*/g;
      close.lastIndex = at;
      const found = close.exec(source);
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

const WHITE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const BEGIN = /(\{[%{#])([-+]?)/g;
const RAW = new RegExp(`${WHITE}*raw${WHITE}*(?:-%\\}${WHITE}*|\\+?%\\}\\n?)`, "y");
const SPACE = new RegExp(`${WHITE}+`, "y");
const BLOCK_END = new RegExp(`\\+%\\}|-%\\}${WHITE}*|%\\}\\n?`, "y");
const VARIABLE_END = new RegExp(`-\\}\\}${WHITE}*|\\}\\}`, "y");
const COMMENT_END = new RegExp(`\\+#\\}|-#\\}${WHITE}*|#\\}\\n?`, "y");
const LEXEME =
  /(?<float>(?<!\.)\d[\d_]*(?:\.\d[\d_]*(?:[eE][-+]?\d+)?|[eE][-+]?\d+))|(?<integer>0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|\d[\d_]*)|(?<name>[\p{L}_][\p{L}\p{N}_]*)|(?<string>'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*")|(?<operator>\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}><=.:|,;])/uy;
const CLOSING: Record<string, string> = { ")": "(", "]": "[", "}": "{" };
const TRAILING = new RegExp(`${WHITE}+$`);
const BLANK = new RegExp(`^${WHITE}+$`);

/** What is left of a text before a tag. */
function stripBefore(
  text: string,
  { kind, sign, lineStarting }: { kind?: string; sign?: string; lineStarting: boolean },
): string {
  if (sign === "-") return text.replace(TRAILING, "");
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
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      return char === undefined ? "" : (ESCAPES[char] ?? whole);
    },
  );
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
