import { TemplateError } from "./error.ts";
import { ExpressionParser } from "./expression_parser.ts";
import { tokenize } from "./lexer.ts";
import { CAPTURED, type Expression, type Signature, type Statement, type Target } from "./syntax.ts";

/** @throws TemplateError that names the line. */
export function parse(source: string): Statement[] {
  return new Parser(tokenize(source)).template();
}

const OTHER_FILES = ["include", "import", "from", "extends"];

const noTag = (word: string): string =>
  OTHER_FILES.includes(word)
    ? `unknown tag {% ${word} %}: there are no other templates`
    : `unknown tag {% ${word.slice(0, 40)} %}`;

class Parser extends ExpressionParser {
  /** Loops around the place the parser is at, which `break` would leave. */
  private loops = 0;

  template(): Statement[] {
    const body = this.body([]);
    if (this.at < this.tokens.length) throw this.unexpected();
    return body;
  }

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
  /** A body that is written elsewhere: the loops around it aren't around that. */
  private apart(word: string, name?: string): Statement[] {
    const { loops } = this;
    this.loops = 0;
    const body = this.bodyAndEnd(word, name);
    this.loops = loops;
    return body;
  }
  /** @param name may stand behind the word, too. */
  private bodyAndEnd(word: string, name?: string): Statement[] {
    const body = this.body([word]);
    this.at++;
    if (name !== undefined) this.skip("name", name);
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
      case "block":
        return this.block();
      case "autoescape":
        return this.autoescape();
      case "print":
        return this.print();
      case "generation":
        this.expect("end");
        return { kind: "generation", body: this.apart("endgeneration") };
      case "break":
      case "continue":
        if (this.loops === 0)
          throw new TemplateError(`line ${this.token?.line}: {% ${word} %} is in no loop`);
        return this.ended({ kind: word });
      default:
        this.at--;
        throw new TemplateError(`line ${this.token!.line}: ${noTag(word)}`);
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
    this.loops++;
    const body = this.body(["else", "endfor"]);
    this.loops--;
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
    return { kind: "callBlock", call, caller: { name: "caller", parameters, ...this.macroBody("endcall") } };
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

  private block(): Statement {
    const name = this.expect("name");
    const scoped = this.skip("name", "scoped");
    this.skip("name", "required");
    this.expect("end");
    const body = this.apart("endblock", name);
    return { kind: "block", name, scoped, body };
  }

  /** Prompts aren't HTML. */
  private autoescape(): Statement {
    const { token } = this;
    const value = this.ended(this.expression());
    if (value.kind !== "constant" || value.value !== false)
      throw new TemplateError(`line ${token?.line}: {% autoescape %} isn't supported`);
    return { kind: "with", targets: [], body: this.bodyAndEnd("endautoescape") };
  }

  private print(): Statement {
    const items: Expression[] = [];
    while (!this.is("end")) {
      if (items.length > 0) this.expect("operator", ",");
      items.push(this.expression());
    }
    return this.ended({ kind: "print", value: { kind: "concat", items } });
  }

  private signature(end: string): Omit<Signature, "name"> {
    const parameters = this.parameters();
    this.expect("end");
    return { parameters, ...this.macroBody(end) };
  }
  /** What is read in a macro within counts for those around it, too. */
  private macroBody(end: string): Pick<Signature, "body" | "reads"> {
    const outer = this.specialNames;
    this.specialNames = new Set();
    const body = this.apart(end);
    const reads = this.specialNames;
    this.specialNames = new Set([...outer, ...reads]);
    return { body, reads };
  }
  private parameters(): Signature["parameters"] {
    const parameters: Signature["parameters"] = [];
    this.expect("operator", "(");
    while (!this.skip("operator", ")")) {
      if (parameters.length > 0) this.expect("operator", ",");
      const name = this.expect("name");
      const fallback = this.skip("operator", "=") ? this.expression() : undefined;
      if (!fallback && parameters.at(-1)?.fallback) throw this.unexpected("a default");
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
    if (/^(?:true|false|none)$/i.test(name) && name.slice(1) === name.slice(1).toLowerCase())
      throw this.unexpected("a name");
    return this.skip("operator", ".")
      ? { kind: "attribute", of: name, name: this.expect("name") }
      : { kind: "name", name };
  }
}
