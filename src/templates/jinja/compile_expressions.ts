import { attribute, item } from "./access.ts";
import { negate, OPERATORS, plus } from "./arithmetic.ts";
import { COST, charge, chargeText } from "./budget.ts";
import { contains } from "./contains.ts";
import { TemplateError } from "./error.ts";
import { filterNamed, testOf } from "./filters.ts";
import { dictOf } from "./hash.ts";
import { Loop } from "./loop.ts";
import { str } from "./repr.ts";
import type { Scope } from "./scope.ts";
import { slice } from "./slices.ts";
import type { Arguments, Expression } from "./syntax.ts";
import { type Callable, compare, equal, listOf, Tuple, truth, typeName, type Value } from "./value.ts";

export type Evaluate = (scope: Scope) => Value;

export function expression(node: Expression): Evaluate {
  switch (node.kind) {
    case "constant":
      return () => node.value;
    case "name":
      return (scope) => scope.get(node.name);
    case "list":
    case "tuple":
      return sequence(node);
    case "dict": {
      const entries = node.entries.map(([key, value]) => [expression(key), expression(value)] as const);
      return (scope) => dictOf(entries.map(([key, value]) => [key(scope), value(scope)] as const));
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
      const bounds = node.bounds.map((bound) => bound && expression(bound));
      return (scope) =>
        slice(
          object(scope),
          bounds.map((bound) => bound?.(scope)),
        );
    }
    case "call":
      return call(node);
    case "filter":
      return applied(node, () => filterNamed(node.name));
    case "test":
      return applied(node, () => testOf(node.name));
    case "concat": {
      const items = node.items.map(expression);
      return (scope) => joined(items.map((value) => str(value(scope))));
    }
    case "compare":
      return comparison(node);
    case "condition": {
      const [test, yes, otherwise] = leniently(() => [
        expression(node.test),
        expression(node.yes),
        node.otherwise && expression(node.otherwise),
      ]);
      return (scope) => (truth(test(scope)) ? yes(scope) : otherwise?.(scope));
    }
    default:
      return operation(node);
  }
}

type Unary = { kind: "not" | "negative" | "positive"; of: Expression };
type Binary =
  | { kind: "and" | "or"; left: Expression; right: Expression }
  | { kind: "binary"; operator: string; left: Expression; right: Expression };

function operation(node: Unary | Binary): Evaluate {
  if ("of" in node) {
    const value = expression(node.of);
    const run = { not: (one: Value) => !truth(one), negative: negate, positive: plus }[node.kind];
    return (scope) => run(value(scope));
  }
  const [left, right] = [expression(node.left), expression(node.right)];
  if (node.kind === "binary") {
    const run = OPERATORS[node.operator]!;
    return (scope) => run(left(scope), right(scope));
  }
  const goesOn = node.kind === "and";
  return (scope) => {
    const value = left(scope);
    return truth(value) === goesOn ? right(scope) : value;
  };
}

function sequence({ kind, items }: Extract<Expression, { kind: "list" | "tuple" }>): Evaluate {
  const values = items.map(expression);
  return (scope) => {
    charge(values.length * COST.item);
    const made = values.map((value) => value(scope));
    return kind === "tuple" ? Tuple.from(made) : made;
  };
}

function joined(parts: string[]): string {
  const text = parts.join("");
  chargeText(text.length);
  return text;
}

/** How deep one is in branches, which may never be taken: what is unknown in them is an error when it is used. */
let branches = 0;

export function leniently<T>(work: () => T): T {
  branches++;
  try {
    return work();
  } finally {
    branches--;
  }
}

/** A filter or a test. */
function applied(
  node: Extract<Expression, { kind: "filter" | "test" }>,
  find: () => (value: Value, positional: Value[], named: Map<string, Value>) => Value,
): Evaluate {
  const [value, args] = [expression(node.of), argumentsOf(node.args)];
  const run = branches > 0 ? (...given: Parameters<ReturnType<typeof find>>) => find()(...given) : find();
  return (scope) => {
    const subject = value(scope);
    return run(subject, ...args(scope));
  };
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
    return `${describe(node.of)}[${node.key.kind === "constant" ? JSON.stringify(str(node.key.value)) : "…"}]`;
  return "a value";
}

/** @param caller what a `{% call %}` block encloses. */
export function call(
  { of, args }: Extract<Expression, { kind: "call" }>,
  caller?: (scope: Scope) => Callable,
): Evaluate {
  const [callee, values] = [expression(of), argumentsOf(args)];
  return (scope) => {
    const found = callee(scope);
    const run = found instanceof Loop ? found.again : found;
    if (typeof run !== "function")
      throw new TemplateError(`${describe(of)} can't be called: it is ${typeName(found)}`);
    charge(COST.turn);
    const [positional, named] = values(scope);
    if (caller) named.set("caller", caller(scope));
    return run(positional, named);
  };
}

function argumentsOf(args: Arguments): (scope: Scope) => [Value[], Map<string, Value>] {
  const values = args.positional.map(expression);
  const byName = args.named.map(([name, value]) => [name, expression(value)] as const);
  const [more, moreByName] = [
    args.rest && expression(args.rest),
    args.namedRest && expression(args.namedRest),
  ];
  return (scope) => {
    const first = values.map((value) => value(scope));
    const second = new Map(byName.map(([name, value]) => [name, value(scope)]));
    if (more) for (const value of listOf(more(scope))) first.push(value);
    if (moreByName) addNamed(second, moreByName(scope));
    return [first, second];
  };
}

function addNamed(named: Map<string, Value>, others: Value): void {
  if (!(others instanceof Map)) throw new TemplateError(`** needs a dict, got ${typeName(others)}`);
  for (const [name, value] of others) {
    if (typeof name !== "string" || named.has(name)) throw new TemplateError(`** gives ${str(name)} again`);
    charge(COST.entry);
    named.set(name, value);
  }
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
