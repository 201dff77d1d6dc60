import { filterNamed, percentFormat } from "./filters.ts";
import { attribute, item, slice } from "./methods.ts";
import {
  type Arguments,
  CAPTURED,
  type Expression,
  parse,
  type Signature,
  type Statement,
  type Target,
} from "./parser.ts";
import { GLOBALS, Loop, Scope, startRun, step, within } from "./scope.ts";
import { testNamed } from "./tests.ts";
import {
  type Callable,
  checkSize,
  compare,
  contains,
  equal,
  Float,
  iterate,
  Namespace,
  numberOf,
  str,
  TemplateError,
  Tuple,
  truth,
  typeName,
  type Value,
} from "./value.ts";

export interface JinjaTemplate {
  /** Whether it has `{% generation %}` blocks. */
  marksGeneration: boolean;
  /**
   * @param marks written before and after what a `{% generation %}` block encloses.
   * @throws TemplateError
   */
  render(variables: ReadonlyMap<string, Value>, marks?: readonly [open: string, close: string]): string;
}

/**
 * jinja2 (https://jinja.palletsprojects.com) as transformers sets it up: sandboxed and immutable, `trim_blocks`,
 * `lstrip_blocks`, loop controls, its own `tojson` and `{% generation %}`. Templates become functions once, which is
 * several times faster than to walk them for each conversation. There are no other templates to include or extend.
 * @throws TemplateError that names the line.
 */
export function compileJinja(source: string): JinjaTemplate {
  const statements = parse(source);
  const write = block(statements);
  return {
    marksGeneration: /\{%[-+]?\s*generation\s*[-+]?%\}/.test(source),
    render(variables, marks = ["", ""]) {
      const scope = new Scope(startRun(marks));
      for (const [name, value] of GLOBALS) scope.set(name, value);
      for (const [name, value] of variables) scope.set(name, value);
      const out = { text: "" };
      write(scope, out);
      return out.text;
    },
  };
}

/** What is written goes to `out`; returns how a loop goes on. */
type Write = (scope: Scope, out: { text: string }) => "break" | "continue" | undefined;
type Evaluate = (scope: Scope) => Value;

function block(statements: Statement[]): Write {
  const writes = statements.map(statement);
  return (scope, out) => {
    for (const write of writes) {
      const control = write(scope, out);
      if (control) return control;
    }
    return undefined;
  };
}

function statement(node: Statement): Write {
  switch (node.kind) {
    case "text":
      return (_, out) => {
        out.text += node.text;
        return undefined;
      };
    case "print": {
      const value = expression(node.value);
      return (scope, out) => {
        out.text += str(value(scope));
        return undefined;
      };
    }
    case "if":
      return ifStatement(node);
    case "for":
      return forStatement(node);
    case "set": {
      const [store, value] = [assignment(node.target), expression(node.value)];
      return (scope) => {
        store(scope, value(scope));
        return undefined;
      };
    }
    case "capture": {
      const [store, text] = [assignment(node.target), filtered(node)];
      return (scope) => {
        store(scope, text(scope));
        return undefined;
      };
    }
    case "filterBlock": {
      const text = filtered(node);
      return (scope, out) => {
        out.text += str(text(scope));
        return undefined;
      };
    }
    case "macro": {
      const macro = macroMaker(node.macro);
      return (scope) => {
        scope.set(node.macro.name, macro(scope));
        return undefined;
      };
    }
    case "callBlock":
      return callBlock(node);
    case "with":
      return withStatement(node);
    case "generation": {
      const body = block(node.body);
      return (scope, out) => {
        const [open, close] = scope.run.marks;
        out.text += open;
        body(scope.inner(), out);
        out.text += close;
        return undefined;
      };
    }
    default:
      return () => node.kind;
  }
}

function capture(body: Write, scope: Scope): string {
  const out = { text: "" };
  body(scope, out);
  return out.text;
}

function filtered({ filters, body }: { filters: Expression; body: Statement[] }): Evaluate {
  const [write, filter] = [block(body), expression(filters)];
  return (scope) => {
    const inner = scope.inner();
    inner.set(CAPTURED, capture(write, inner));
    return filter(inner);
  };
}

function ifStatement(node: Extract<Statement, { kind: "if" }>): Write {
  const branches = node.branches.map(({ test, body }) => ({
    test: test && expression(test),
    body: block(body),
  }));
  return (scope, out) => {
    for (const { test, body } of branches) if (!test || truth(test(scope))) return body(scope, out);
    return undefined;
  };
}

function forStatement(node: Extract<Statement, { kind: "for" }>): Write {
  const [items, store, body, otherwise] = [
    expression(node.items),
    assignment(node.target),
    block(node.body),
    block(node.otherwise),
  ];
  const test = node.test && expression(node.test);
  const chosen = (all: Value[], scope: Scope): Value[] => {
    if (!test) return all;
    return all.filter((value) => {
      step(scope.run);
      const turn = scope.inner();
      store(turn, value);
      return truth(test(turn));
    });
  };
  const loopOver = (value: Value, scope: Scope, out: { text: string }, depth: number): void => {
    const all = chosen(iterate(value), scope);
    if (all.length === 0) otherwise(scope.inner(), out);
    const loop = new Loop(all, depth);
    const again: Callable = ([inner]) =>
      within(scope.run, () => capture((_, out) => void loopOver(inner, scope, out, depth + 1), scope));
    for (const value of all) {
      step(scope.run);
      const turn = scope.inner();
      turn.set("loop", node.recursive ? withCall(loop, again) : loop);
      store(turn, value);
      if (body(turn, out) === "break") break;
      loop.at++;
    }
  };
  return (scope, out) => {
    loopOver(items(scope), scope, out, 1);
    return undefined;
  };
}

/** `loop(items)` of a recursive loop; what it is asked for is the loop's. */
const RECURSIVE = new WeakMap<Namespace, Callable>();
function withCall(loop: Loop, again: Callable): Loop {
  RECURSIVE.set(loop, again);
  return loop;
}

function withStatement(node: Extract<Statement, { kind: "with" }>): Write {
  const targets = node.targets.map(([target, value]) => ({
    store: assignment(target),
    value: expression(value),
  }));
  const body = block(node.body);
  return (scope, out) => {
    const inner = scope.inner();
    for (const { store, value } of targets) store(inner, value(scope));
    return body(inner, out);
  };
}

function callBlock(node: Extract<Statement, { kind: "callBlock" }>): Write {
  const [caller, call] = [macroMaker(node.caller), expression(node.call)];
  return (scope, out) => {
    const inner = scope.inner();
    inner.set(CALLER, caller(scope));
    out.text += str(call(inner));
    return undefined;
  };
}

const CALLER = "\0caller";

function macroMaker({ name, parameters, body }: Signature): (scope: Scope) => Callable {
  const write = block(body);
  const known = parameters.map(({ name, fallback }) => ({
    name,
    fallback: fallback && expression(fallback),
  }));
  return (scope) => (positional, named) =>
    within(scope.run, () => {
      const inner = scope.inner();
      known.forEach((parameter, i) => {
        if (i < positional.length) inner.set(parameter.name, positional[i]);
        else if (named.has(parameter.name)) inner.set(parameter.name, named.get(parameter.name));
        else inner.set(parameter.name, parameter.fallback?.(inner));
      });
      const names = new Set(known.map(({ name }) => name));
      const others = [...named].filter(([key]) => !names.has(key));
      inner.set("varargs", Tuple.from(positional.slice(known.length)));
      inner.set("kwargs", new Map<Value, Value>(others.filter(([key]) => key !== "caller")));
      if (named.has("caller")) inner.set("caller", named.get("caller"));
      else if (name !== "caller") inner.set("caller", undefined);
      return capture(write, inner);
    });
}

function assignment(target: Target): (scope: Scope, value: Value) => void {
  if (target.kind === "name") return (scope, value) => scope.set(target.name, value);
  if (target.kind === "attribute")
    return (scope, value) => {
      const object = scope.get(target.of);
      if (!(object instanceof Namespace) || object instanceof Loop)
        throw new TemplateError(`${target.of}.${target.name} can't be set: ${target.of} is no namespace`);
      object.values.set(target.name, value);
    };
  const stores = target.items.map(assignment);
  return (scope, value) => {
    const values = iterate(value);
    if (values.length !== stores.length)
      throw new TemplateError(`${values.length} values can't be assigned to ${stores.length} names`);
    for (const [i, store] of stores.entries()) store(scope, values[i]);
  };
}

function expression(node: Expression): Evaluate {
  switch (node.kind) {
    case "constant":
      return () => node.value;
    case "name":
      return (scope) => scope.get(node.name);
    case "list": {
      const items = node.items.map(expression);
      return (scope) => items.map((value) => value(scope));
    }
    case "tuple": {
      const items = node.items.map(expression);
      return (scope) => Tuple.from(items.map((value) => value(scope)));
    }
    case "dict": {
      const entries = node.entries.map(([key, value]) => [expression(key), expression(value)] as const);
      return (scope) => new Map(entries.map(([key, value]) => [key(scope), value(scope)]));
    }
    case "attribute": {
      const object = defined(node.of, `has no attribute ${node.name}`);
      return (scope) => attribute(object(scope), node.name);
    }
    case "item": {
      const [object, key] = [defined(node.of, "has no items"), expression(node.key)];
      return (scope) => item(object(scope), key(scope));
    }
    case "slice": {
      const object = defined(node.of, "has no parts");
      const bounds = Array.from(node.bounds, (bound) => bound && expression(bound));
      return (scope) =>
        slice(
          object(scope),
          bounds.map((bound) => (bound ? (numberOf(bound(scope)) ?? undefined) : undefined)),
        );
    }
    case "call":
      return call(node);
    case "filter": {
      const [value, filter, args] = [expression(node.of), filterNamed(node.name), argumentsOf(node.args)];
      return (scope) => filter(value(scope), ...args(scope));
    }
    case "test": {
      const [value, test, args] = [expression(node.of), testNamed(node.name), argumentsOf(node.args)];
      return (scope) => test(value(scope), args(scope)[0][0]);
    }
    case "not": {
      const value = expression(node.of);
      return (scope) => !truth(value(scope));
    }
    case "negative":
      return arithmetic("-", () => 0, expression(node.of));
    case "positive":
      return arithmetic("+", () => 0, expression(node.of));
    case "and": {
      const [left, right] = [expression(node.left), expression(node.right)];
      return (scope) => {
        const value = left(scope);
        return truth(value) ? right(scope) : value;
      };
    }
    case "or": {
      const [left, right] = [expression(node.left), expression(node.right)];
      return (scope) => {
        const value = left(scope);
        return truth(value) ? value : right(scope);
      };
    }
    case "binary":
      return arithmetic(node.operator, expression(node.left), expression(node.right));
    case "concat": {
      const items = node.items.map(expression);
      return (scope) => items.map((value) => str(value(scope))).join("");
    }
    case "compare":
      return comparison(node);
    case "condition": {
      const [test, yes] = [expression(node.test), expression(node.yes)];
      const otherwise = node.otherwise && expression(node.otherwise);
      return (scope) => (truth(test(scope)) ? yes(scope) : otherwise?.(scope));
    }
  }
}

/** A value that has to be there: what is undefined has no attributes. */
function defined(node: Expression, use: string): Evaluate {
  const value = expression(node);
  return (scope) => {
    const found = value(scope);
    if (found === undefined) throw new TemplateError(`${describe(node)} is undefined and ${use}`);
    return found;
  };
}

function describe(node: Expression): string {
  if (node.kind === "name") return node.name;
  if (node.kind === "attribute") return `${describe(node.of)}.${node.name}`;
  if (node.kind === "item")
    return `${describe(node.of)}[${node.key.kind === "constant" ? JSON.stringify(node.key.value) : "…"}]`;
  return "a value";
}

function call({ of, args }: Extract<Expression, { kind: "call" }>): Evaluate {
  const [callee, values] = [expression(of), argumentsOf(args)];
  return (scope) => {
    let found = callee(scope);
    if (found instanceof Namespace) found = RECURSIVE.get(found);
    if (typeof found !== "function")
      throw new TemplateError(`${describe(of)} can't be called: it is ${typeName(found)}`);
    const [positional, named] = values(scope);
    const caller = scope.get(CALLER);
    return found(positional, caller === undefined ? named : new Map([...named, ["caller", caller]]));
  };
}

function argumentsOf({
  positional,
  named,
  rest,
  namedRest,
}: Arguments): (scope: Scope) => [Value[], Map<string, Value>] {
  const values = positional.map(expression);
  const byName = named.map(([name, value]) => [name, expression(value)] as const);
  const [more, moreByName] = [rest && expression(rest), namedRest && expression(namedRest)];
  return (scope) => {
    const first = values.map((value) => value(scope));
    const second = new Map(byName.map(([name, value]) => [name, value(scope)]));
    if (more) first.push(...iterate(more(scope)));
    if (moreByName) {
      const others = moreByName(scope);
      if (!(others instanceof Map)) throw new TemplateError(`** needs a dict, got ${typeName(others)}`);
      for (const [name, value] of others) second.set(str(name), value);
    }
    return [first, second];
  };
}

function comparison({ first, rest }: Extract<Expression, { kind: "compare" }>): Evaluate {
  const start = expression(first);
  const links = rest.map(([operator, operand]) => ({
    holds: COMPARISONS[operator]!,
    operand: expression(operand),
  }));
  return (scope) => {
    let left = start(scope);
    for (const { holds, operand } of links) {
      const right = operand(scope);
      if (!holds(left, right)) return false;
      left = right;
    }
    return true;
  };
}

const COMPARISONS: Record<string, (left: Value, right: Value) => boolean> = {
  "==": equal,
  "!=": (left, right) => !equal(left, right),
  "<": (left, right) => compare(left, right) < 0,
  ">": (left, right) => compare(left, right) > 0,
  "<=": (left, right) => compare(left, right) <= 0,
  ">=": (left, right) => compare(left, right) >= 0,
  in: (left, right) => contains(right, left),
  "not in": (left, right) => !contains(right, left),
};

function arithmetic(operator: string, left: Evaluate, right: Evaluate): Evaluate {
  return (scope) => {
    const [a, b] = [left(scope), right(scope)];
    const [x, y] = [numberOf(a), numberOf(b)];
    if (x !== undefined && y !== undefined)
      return calculate(operator, x, y, a instanceof Float || b instanceof Float);
    if (operator === "+" && typeof a === "string" && typeof b === "string") {
      checkSize(a.length + b.length);
      return a + b;
    }
    if (operator === "+" && Array.isArray(a) && Array.isArray(b)) {
      checkSize(a.length + b.length);
      return a instanceof Tuple ? Tuple.from([...a, ...b]) : [...a, ...b];
    }
    if (operator === "%" && typeof a === "string") return percentFormat(a, b);
    if (operator === "*") {
      if (x !== undefined) return repeat(b, x);
      if (y !== undefined) return repeat(a, y);
    }
    throw new TemplateError(`${typeName(a)} ${operator} ${typeName(b)} isn't possible`);
  };
}

function repeat(value: Value, times: number): Value {
  const count = Math.max(0, times);
  if (typeof value === "string") {
    checkSize(value.length * count);
    return value.repeat(count);
  }
  if (!Array.isArray(value)) throw new TemplateError(`${typeName(value)} can't be repeated`);
  checkSize(value.length * count);
  return Array.from({ length: value.length * count }, (_, i) => value[i % value.length]);
}

function calculate(operator: string, a: number, b: number, float: boolean): Value {
  if (b === 0 && (operator === "/" || operator === "//" || operator === "%"))
    throw new TemplateError("division by zero");
  const whole = (value: number) => (float ? new Float(value) : value);
  switch (operator) {
    case "+":
      return whole(a + b);
    case "-":
      return whole(a - b);
    case "*":
      return whole(a * b);
    case "/":
      return new Float(a / b);
    case "//":
      return whole(Math.floor(a / b));
    case "%":
      return whole(a - b * Math.floor(a / b));
    default:
      return float || b < 0 ? new Float(a ** b) : a ** b;
  }
}
