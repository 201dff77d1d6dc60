import { integer, parseInteger } from "./integers.ts";
import { type Arguments, type Expression, SPECIAL_NAMES } from "./syntax.ts";
import { TokenStream } from "./token_stream.ts";
import { Float, type Value } from "./value.ts";

/** jinja2's expressions, loosest first. */
export class ExpressionParser extends TokenStream {
  /** Those read since the macro that the parser is in began. */
  protected specialNames = new Set<string>();

  /** Several separated by commas are a tuple. */
  protected tuple(conditions = true, until: string[] = []): Expression {
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

  protected expression(): Expression {
    return this.nested(() => {
      let value = this.or();
      for (let links = 1; this.skip("name", "if"); this.checkLength(links++)) {
        const test = this.or();
        const otherwise = this.skip("name", "else") ? this.expression() : undefined;
        value = { kind: "condition", test, yes: value, otherwise };
      }
      return value;
    });
  }
  private or(): Expression {
    let left = this.and();
    for (let links = 1; this.skip("name", "or"); this.checkLength(links++))
      left = { kind: "or", left, right: this.and() };
    return left;
  }
  private and(): Expression {
    let left = this.not();
    for (let links = 1; this.skip("name", "and"); this.checkLength(links++))
      left = { kind: "and", left, right: this.not() };
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
    for (let links = 1; this.token?.type === "operator" && operators.includes(this.token.value); links++) {
      left = { kind: "binary", operator: this.expect("operator"), left, right: operand() };
      this.checkLength(links);
    }
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
        : this.name(token.value);
    if (token.type === "integer") return { kind: "constant", value: wholeLiteral(token.value) };
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
  private name(name: string): Expression {
    if (SPECIAL_NAMES.includes(name)) this.specialNames.add(name);
    return { kind: "name", name };
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
    for (let links = 0; ; this.checkLength(links++)) {
      if (this.skip("operator", ".")) value = this.attribute(value);
      else if (this.skip("operator", "[")) value = this.subscript(value);
      else if (this.is("operator", "(")) value = { kind: "call", of: value, args: this.arguments() };
      else return value;
    }
  }
  private attribute(of: Expression): Expression {
    if (this.is("integer"))
      return { kind: "item", of, key: { kind: "constant", value: wholeLiteral(this.expect("integer")) } };
    return { kind: "attribute", of, name: this.expect("name") };
  }
  private subscript(of: Expression): Expression {
    const keys: (Expression | Slice)[] = [];
    while (!this.skip("operator", "]")) {
      if (keys.length > 0) this.expect("operator", ",");
      keys.push(this.subscribed());
    }
    const [key, ...others] = keys;
    if (key === undefined) throw this.unexpected("an index");
    if (others.length === 0)
      return key.kind === "bounds" ? { ...key, kind: "slice", of } : { kind: "item", of, key };
    const items = keys.filter((one) => one.kind !== "bounds");
    if (items.length < keys.length) throw this.unexpected("one slice");
    return { kind: "item", of, key: { kind: "tuple", items } };
  }
  private subscribed(): Expression | Slice {
    const start = this.is("operator", ":") ? undefined : this.expression();
    if (!this.skip("operator", ":")) return start!;
    const bound = () =>
      [":", "]", ","].some((sign) => this.is("operator", sign)) ? undefined : this.expression();
    const stop = bound();
    return { kind: "bounds", bounds: [start, stop, this.skip("operator", ":") ? bound() : undefined] };
  }

  /** Filters, tests and calls that follow a value. */
  protected filters(start: Expression, piped = true): Expression {
    let value = start;
    for (let [bare, links] = [!piped, 0]; ; bare = false) {
      this.checkLength(links++);
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
    if (!begins || this.isWord("else", "or", "and")) return NO_ARGUMENTS;
    if (this.isWord("is")) throw this.unexpected("one test");
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
      this.argument(args);
    }
    return args;
  }
  /** In Python's order: by place, by name, `*` and `**`. */
  private argument(args: Arguments): void {
    const next = this.tokens[this.at + 1];
    const isNamed = this.is("name") && next?.type === "operator" && next.value === "=";
    if (args.namedRest || (args.rest && !isNamed && !this.is("operator", "**"))) throw this.unexpected();
    if (this.skip("operator", "*")) args.rest = this.expression();
    else if (this.skip("operator", "**")) args.namedRest = this.expression();
    else if (isNamed) {
      const name = this.expect("name");
      this.at++;
      args.named.push([name, this.expression()]);
    } else {
      if (args.named.length > 0) throw this.unexpected("an argument by name");
      args.positional.push(this.expression());
    }
  }
}

/** What stands in brackets, with a colon. */
interface Slice {
  kind: "bounds";
  bounds: (Expression | undefined)[];
}

function wholeLiteral(written: string): Value {
  return /^0[box]/i.test(written) ? integer(BigInt(written.toLowerCase())) : parseInteger(written);
}

const NO_ARGUMENTS: Arguments = { positional: [], named: [] };
const COMPARISONS = ["==", "!=", "<", "<=", ">", ">="];
const CONSTANTS = new Map<string, Value>([
  ...(["true", "True"] as const).map((name): [string, Value] => [name, true]),
  ...(["false", "False"] as const).map((name): [string, Value] => [name, false]),
  ...(["none", "None"] as const).map((name): [string, Value] => [name, null]),
]);
