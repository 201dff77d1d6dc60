import { type Token, tokenize } from "./lexer.ts";
import { Float, TemplateError, type Value } from "./value.ts";

export type Expression =
  | { kind: "constant"; value: Value }
  | { kind: "name"; name: string }
  | { kind: "list" | "tuple"; items: Expression[] }
  | { kind: "dict"; entries: [key: Expression, value: Expression][] }
  | { kind: "attribute"; of: Expression; name: string }
  | { kind: "item"; of: Expression; key: Expression }
  | { kind: "slice"; of: Expression; bounds: (Expression | undefined)[] }
  | { kind: "call"; of: Expression; args: Arguments }
  | { kind: "filter"; of: Expression; name: string; args: Arguments }
  | { kind: "test"; of: Expression; name: string; args: Arguments }
  | { kind: "not" | "negative" | "positive"; of: Expression }
  | { kind: "and" | "or"; left: Expression; right: Expression }
  | { kind: "binary"; operator: string; left: Expression; right: Expression }
  | { kind: "concat"; items: Expression[] }
  | { kind: "compare"; first: Expression; rest: [operator: string, operand: Expression][] }
  | { kind: "condition"; test: Expression; yes: Expression; otherwise?: Expression };

export interface Arguments {
  positional: Expression[];
  named: [name: string, value: Expression][];
  /** `*args` and `**kwargs`. */
  rest?: Expression;
  namedRest?: Expression;
}

export interface Signature {
  name: string;
  parameters: { name: string; fallback?: Expression }[];
  body: Statement[];
}

export type Target =
  | { kind: "name"; name: string }
  | { kind: "tuple"; items: Target[] }
  | { kind: "attribute"; of: string; name: string };

export type Statement =
  | { kind: "text"; text: string }
  | { kind: "print"; value: Expression }
  | { kind: "if"; branches: { test?: Expression; body: Statement[] }[] }
  | {
      kind: "for";
      target: Target;
      items: Expression;
      test?: Expression;
      recursive: boolean;
      body: Statement[];
      otherwise: Statement[];
    }
  | { kind: "set"; target: Target; value: Expression }
  | { kind: "capture"; target: Target; filters: Expression; body: Statement[] }
  | { kind: "macro"; macro: Signature }
  | { kind: "callBlock"; call: Expression; caller: Signature }
  | { kind: "filterBlock"; filters: Expression; body: Statement[] }
  | { kind: "with"; targets: [Target, Expression][]; body: Statement[] }
  | { kind: "generation"; body: Statement[] }
  | { kind: "break" | "continue" };

/** Stands for the captured text where filters are applied to it. */
export const CAPTURED = "\0captured";

/** @throws TemplateError that names the line. */
export function parse(source: string): Statement[] {
  return new Parser(tokenize(source)).template();
}

const DEEPEST = 200; // brackets and blocks within each other

class Parser {
  private at = 0;
  private depth = 0;
  constructor(private readonly tokens: Token[]) {}

  template(): Statement[] {
    const body = this.body([]);
    if (this.at < this.tokens.length) throw this.unexpected();
    return body;
  }

  // ── tokens ──

  private get token(): Token | undefined {
    return this.tokens[this.at];
  }
  private is(type: Token["type"], value?: string): boolean {
    const { token } = this;
    return token !== undefined && token.type === type && (value === undefined || token.value === value);
  }
  private isWord(...words: string[]): boolean {
    return this.token?.type === "name" && words.includes(this.token.value);
  }
  private skip(type: Token["type"], value: string): boolean {
    const found = this.is(type, value);
    if (found) this.at++;
    return found;
  }
  private expect(type: Token["type"], value?: string): string {
    if (!this.is(type, value)) throw this.unexpected(value ?? type);
    return this.tokens[this.at++]!.value;
  }
  private unexpected(wanted?: string): TemplateError {
    const { token } = this;
    const line = token?.line ?? this.tokens.at(-1)?.line ?? 1;
    const found = token === undefined ? "the end" : token.value || `the ${token.type} of a tag`;
    return new TemplateError(`line ${line}: unexpected ${found}${wanted ? `, expected ${wanted}` : ""}`);
  }
  private nested<T>(read: () => T): T {
    if (++this.depth > DEEPEST) throw new TemplateError(`line ${this.token?.line}: nested too deeply`);
    const result = read();
    this.depth--;
    return result;
  }

  // ── statements ──

  /** Up to a tag with one of these words, of which `{%` is read. */
  private body(until: string[]): Statement[] {
    const statements: Statement[] = [];
    for (let token = this.token; token !== undefined; token = this.token) {
      if (token.type === "text") {
        this.at++;
        statements.push({ kind: "text", text: token.value });
      } else if (token.type === "variable") {
        this.at++;
        statements.push({ kind: "print", value: this.tuple() });
        this.expect("end");
      } else {
        this.expect("block");
        if (until.length > 0 && this.isWord(...until)) return statements;
        statements.push(this.nested(() => this.statement()));
      }
    }
    if (until.length > 0) throw this.unexpected(`{% ${until.at(-1)} %}`);
    return statements;
  }
  private bodyAndEnd(word: string): Statement[] {
    const body = this.body([word]);
    this.at++;
    this.expect("end");
    return body;
  }
  private ended<T>(value: T): T {
    this.expect("end");
    return value;
  }

  private statement(): Statement {
    const word = this.expect("name");
    switch (word) {
      case "if":
        return this.if();
      case "for":
        return this.for();
      case "set":
        return this.set();
      case "macro": {
        const name = this.expect("name");
        return { kind: "macro", macro: { name, ...this.signature("endmacro") } };
      }
      case "call":
        return this.callBlock();
      case "filter": {
        const filters = this.ended(this.filters({ kind: "name", name: CAPTURED }, false));
        return { kind: "filterBlock", filters, body: this.bodyAndEnd("endfilter") };
      }
      case "with":
        return this.with();
      case "generation":
        this.expect("end");
        return { kind: "generation", body: this.bodyAndEnd("endgeneration") };
      case "break":
      case "continue":
        return this.ended({ kind: word });
      default:
        this.at--;
        throw new TemplateError(`line ${this.token!.line}: unknown tag {% ${word} %}`);
    }
  }

  private if(): Statement {
    const branches: { test?: Expression; body: Statement[] }[] = [];
    let test: Expression | undefined = this.tuple(false);
    for (;;) {
      this.expect("end");
      const body = this.body(test ? ["elif", "else", "endif"] : ["endif"]);
      branches.push({ test, body });
      const word = this.expect("name");
      if (word === "endif") return this.ended({ kind: "if", branches });
      test = word === "elif" ? this.tuple(false) : undefined;
    }
  }

  private for(): Statement {
    const target = this.target(["in"]);
    this.expect("name", "in");
    const items = this.tuple(false, ["recursive"]);
    const test = this.skip("name", "if") ? this.expression() : undefined;
    const recursive = this.skip("name", "recursive");
    this.expect("end");
    const body = this.body(["else", "endfor"]);
    const hasElse = this.expect("name") === "else";
    this.expect("end");
    const otherwise = hasElse ? this.bodyAndEnd("endfor") : [];
    return { kind: "for", target, items, test, recursive, body, otherwise };
  }

  private set(): Statement {
    const target = this.target([]);
    if (this.skip("operator", "=")) return this.ended({ kind: "set", target, value: this.tuple() });
    const filters = this.ended(this.filters({ kind: "name", name: CAPTURED }));
    return { kind: "capture", target, filters, body: this.bodyAndEnd("endset") };
  }

  private callBlock(): Statement {
    const parameters = this.is("operator", "(") ? this.parameters() : [];
    const call = this.ended(this.expression());
    if (call.kind !== "call") throw this.unexpected("a call");
    return {
      kind: "callBlock",
      call,
      caller: { name: "caller", parameters, body: this.bodyAndEnd("endcall") },
    };
  }

  private with(): Statement {
    const targets: [Target, Expression][] = [];
    while (!this.is("end")) {
      if (targets.length > 0) this.expect("operator", ",");
      const target = this.target([]);
      this.expect("operator", "=");
      targets.push([target, this.expression()]);
    }
    this.expect("end");
    return { kind: "with", targets, body: this.bodyAndEnd("endwith") };
  }

  private signature(end: string): Omit<Signature, "name"> {
    const parameters = this.parameters();
    this.expect("end");
    return { parameters, body: this.bodyAndEnd(end) };
  }
  private parameters(): Signature["parameters"] {
    const parameters: Signature["parameters"] = [];
    this.expect("operator", "(");
    while (!this.skip("operator", ")")) {
      if (parameters.length > 0) this.expect("operator", ",");
      const name = this.expect("name");
      const fallback = this.skip("operator", "=") ? this.expression() : undefined;
      parameters.push({ name, fallback });
    }
    return parameters;
  }

  private target(until: string[]): Target {
    const items: Target[] = [];
    let several = false;
    do {
      if (this.isWord(...until) || this.is("operator", "=")) break;
      items.push(this.singleTarget());
      if (this.is("operator", ",")) several = true;
    } while (this.skip("operator", ","));
    if (items.length === 0) throw this.unexpected("a name");
    return several ? { kind: "tuple", items } : items[0]!;
  }
  private singleTarget(): Target {
    if (this.skip("operator", "(")) {
      const target = this.target([]);
      this.expect("operator", ")");
      return target;
    }
    const name = this.expect("name");
    return this.skip("operator", ".")
      ? { kind: "attribute", of: name, name: this.expect("name") }
      : { kind: "name", name };
  }

  // ── expressions, loosest first ──

  /** Several separated by commas are a tuple. */
  private tuple(conditions = true, until: string[] = []): Expression {
    const items: Expression[] = [];
    let several = false;
    do {
      if (this.is("end") || this.is("operator", ")") || this.isWord(...until)) break;
      items.push(conditions ? this.expression() : this.or());
      if (this.is("operator", ",")) several = true;
    } while (this.skip("operator", ","));
    if (items.length === 0) throw this.unexpected("an expression");
    return several ? { kind: "tuple", items } : items[0]!;
  }

  private expression(): Expression {
    return this.nested(() => {
      let value = this.or();
      while (this.skip("name", "if")) {
        const test = this.or();
        const otherwise = this.skip("name", "else") ? this.expression() : undefined;
        value = { kind: "condition", test, yes: value, otherwise };
      }
      return value;
    });
  }
  private or(): Expression {
    let left = this.and();
    while (this.skip("name", "or")) left = { kind: "or", left, right: this.and() };
    return left;
  }
  private and(): Expression {
    let left = this.not();
    while (this.skip("name", "and")) left = { kind: "and", left, right: this.not() };
    return left;
  }
  private not(): Expression {
    if (this.skip("name", "not")) return { kind: "not", of: this.nested(() => this.not()) };
    const first = this.sum();
    const rest: [string, Expression][] = [];
    for (let operator = this.comparison(); operator; operator = this.comparison())
      rest.push([operator, this.sum()]);
    return rest.length > 0 ? { kind: "compare", first, rest } : first;
  }
  private comparison(): string | undefined {
    const { token } = this;
    if (token?.type === "operator" && COMPARISONS.includes(token.value)) return this.expect("operator");
    if (this.skip("name", "in")) return "in";
    const next = this.tokens[this.at + 1];
    if (!this.isWord("not") || next?.type !== "name" || next.value !== "in") return undefined;
    this.at += 2;
    return "not in";
  }
  private sum(): Expression {
    return this.binary(["+", "-"], () => this.concat());
  }
  private concat(): Expression {
    const items = [this.product()];
    while (this.skip("operator", "~")) items.push(this.product());
    return items.length > 1 ? { kind: "concat", items } : items[0]!;
  }
  private product(): Expression {
    return this.binary(["*", "/", "//", "%"], () => this.binary(["**"], () => this.unary()));
  }
  private binary(operators: string[], operand: () => Expression): Expression {
    let left = operand();
    while (this.token?.type === "operator" && operators.includes(this.token.value))
      left = { kind: "binary", operator: this.expect("operator"), left, right: operand() };
    return left;
  }
  private unary(filtered = true): Expression {
    const sign = this.skip("operator", "-")
      ? "negative"
      : this.skip("operator", "+")
        ? "positive"
        : undefined;
    const value: Expression = sign
      ? { kind: sign, of: this.nested(() => this.unary(false)) }
      : this.postfix(this.primary());
    return filtered ? this.filters(this.sign(value)) : value;
  }
  private sign(value: Expression): Expression {
    return value.kind === "negative" || value.kind === "positive" ? this.postfix(value) : value;
  }

  private primary(): Expression {
    const { token } = this;
    if (token === undefined) throw this.unexpected("an expression");
    this.at++;
    if (token.type === "name")
      return CONSTANTS.has(token.value)
        ? { kind: "constant", value: CONSTANTS.get(token.value) }
        : { kind: "name", name: token.value };
    if (token.type === "integer") return { kind: "constant", value: Number(token.value) };
    if (token.type === "float") return { kind: "constant", value: new Float(Number(token.value)) };
    if (token.type === "string") {
      let value = token.value;
      while (this.is("string")) value += this.expect("string");
      return { kind: "constant", value };
    }
    if (token.type === "operator" && token.value === "(") return this.parentheses();
    if (token.type === "operator" && token.value === "[") return { kind: "list", items: this.items("]") };
    if (token.type === "operator" && token.value === "{") return this.dict();
    this.at--;
    throw this.unexpected("an expression");
  }
  private parentheses(): Expression {
    if (this.skip("operator", ")")) return { kind: "tuple", items: [] };
    const value = this.tuple();
    this.expect("operator", ")");
    return value;
  }
  private items(end: string): Expression[] {
    const items: Expression[] = [];
    while (!this.skip("operator", end)) {
      if (items.length > 0) this.expect("operator", ",");
      if (this.skip("operator", end)) break;
      items.push(this.expression());
    }
    return items;
  }
  private dict(): Expression {
    const entries: [Expression, Expression][] = [];
    while (!this.skip("operator", "}")) {
      if (entries.length > 0) this.expect("operator", ",");
      if (this.skip("operator", "}")) break;
      const key = this.expression();
      this.expect("operator", ":");
      entries.push([key, this.expression()]);
    }
    return { kind: "dict", entries };
  }

  private postfix(start: Expression): Expression {
    let value = start;
    for (;;) {
      if (this.skip("operator", ".")) value = this.attribute(value);
      else if (this.skip("operator", "[")) value = this.subscript(value);
      else if (this.is("operator", "(")) value = { kind: "call", of: value, args: this.arguments() };
      else return value;
    }
  }
  private attribute(of: Expression): Expression {
    if (this.is("integer"))
      return { kind: "item", of, key: { kind: "constant", value: Number(this.expect("integer")) } };
    return { kind: "attribute", of, name: this.expect("name") };
  }
  private subscript(of: Expression): Expression {
    const bounds: (Expression | undefined)[] = [];
    let colons = 0;
    while (!this.skip("operator", "]")) {
      if (this.skip("operator", ":")) colons++;
      else if (bounds[colons] === undefined) bounds[colons] = this.tupleItem();
      else throw this.unexpected("]");
    }
    if (colons > 2 || (colons === 0 && bounds.length === 0)) throw this.unexpected("an index");
    return colons > 0 ? { kind: "slice", of, bounds } : { kind: "item", of, key: bounds[0]! };
  }
  private tupleItem(): Expression {
    return this.expression();
  }

  /** Filters, tests and calls that follow a value. */
  private filters(start: Expression, piped = true): Expression {
    let value = start;
    for (let bare = !piped; ; bare = false) {
      if (bare || this.skip("operator", "|")) {
        const name = this.dottedName();
        const args = this.is("operator", "(") ? this.arguments() : NO_ARGUMENTS;
        value = { kind: "filter", of: value, name, args };
      } else if (this.skip("name", "is")) value = this.test(value);
      else if (this.is("operator", "(")) value = { kind: "call", of: value, args: this.arguments() };
      else return value;
    }
  }
  private test(of: Expression): Expression {
    const negated = this.skip("name", "not");
    const name = this.dottedName();
    const value: Expression = { kind: "test", of, name, args: this.testArguments() };
    return negated ? { kind: "not", of: value } : value;
  }
  private testArguments(): Arguments {
    if (this.is("operator", "(")) return this.arguments();
    const begins =
      this.is("name") ||
      this.is("string") ||
      this.is("integer") ||
      this.is("float") ||
      this.is("operator", "[") ||
      this.is("operator", "{");
    if (!begins || this.isWord("else", "or", "and", "is")) return NO_ARGUMENTS;
    return { positional: [this.postfix(this.primary())], named: [] };
  }
  private dottedName(): string {
    let name = this.expect("name");
    while (this.skip("operator", ".")) name += `.${this.expect("name")}`;
    return name;
  }

  private arguments(): Arguments {
    const args: Arguments = { positional: [], named: [] };
    this.expect("operator", "(");
    for (let first = true; !this.skip("operator", ")"); first = false) {
      if (!first) this.expect("operator", ",");
      if (!first && this.skip("operator", ")")) break;
      const next = this.tokens[this.at + 1];
      if (this.skip("operator", "*")) args.rest = this.expression();
      else if (this.skip("operator", "**")) args.namedRest = this.expression();
      else if (this.is("name") && next?.type === "operator" && next.value === "=") {
        const name = this.expect("name");
        this.at++;
        args.named.push([name, this.expression()]);
      } else args.positional.push(this.expression());
    }
    return args;
  }
}

const NO_ARGUMENTS: Arguments = { positional: [], named: [] };
const COMPARISONS = ["==", "!=", "<", "<=", ">", ">="];
const CONSTANTS = new Map<string, Value>([
  ...(["true", "True"] as const).map((name): [string, Value] => [name, true]),
  ...(["false", "False"] as const).map((name): [string, Value] => [name, false]),
  ...(["none", "None"] as const).map((name): [string, Value] => [name, null]),
]);
