import { COST, charge, chargeJoined, within } from "./budget.ts";
import { call, type Evaluate, expression, leniently } from "./compile_expressions.ts";
import { TemplateError } from "./error.ts";
import { Loop } from "./loop.ts";
import { str } from "./repr.ts";
import type { Scope } from "./scope.ts";
import {
  CAPTURED,
  countNodes,
  type Expression,
  type Signature,
  type Statement,
  type Target,
} from "./syntax.ts";
import { type Callable, listOf, Namespace, Tuple, truth, type Value } from "./value.ts";

/** What is written goes to `out`; returns how a loop goes on. */
export type Write = (scope: Scope, out: Output) => "break" | "continue" | undefined;
interface Output {
  text: string;
}

export function block(statements: Statement[]): Write {
  const writes = statements.map(statement);
  const cost = statements.reduce<number>((sum, node) => sum + costOf(node), COST.node);
  return (scope, out) => {
    charge(cost);
    for (const write of writes) {
      const control = write(scope, out);
      if (control) return control;
    }
    return undefined;
  };
}

/** Of the statement itself; the blocks in it cost what they cost each time they are written. */
function costOf(node: Statement): number {
  let nodes = 1;
  if (node.kind === "print" || node.kind === "set") nodes += countNodes(node.value);
  else if (node.kind === "if") for (const { test } of node.branches) nodes += countNodes(test);
  else if (node.kind === "for") nodes += countNodes(node.items);
  else if (node.kind === "with") for (const [, value] of node.targets) nodes += countNodes(value);
  else if (node.kind === "capture" || node.kind === "filterBlock") nodes += countNodes(node.filters);
  else if (node.kind === "callBlock") nodes += countNodes(node.call);
  return nodes * COST.node;
}

function append(out: Output, text: string): undefined {
  chargeJoined(out.text.length + text.length, text.length);
  out.text += text;
  return undefined;
}

function statement(node: Statement): Write {
  switch (node.kind) {
    case "text":
      return (_, out) => append(out, node.text);
    case "print": {
      const value = expression(node.value);
      return (scope, out) => append(out, str(value(scope)));
    }
    case "if":
      return ifStatement(node);
    case "for":
      return forStatement(node);
    case "set":
      return assign(node.target, expression(node.value));
    case "capture":
      return assign(node.target, filtered(node));
    case "filterBlock": {
      const text = filtered(node);
      return (scope, out) => append(out, str(text(scope)));
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
    case "block": {
      const body = block(node.body);
      return (scope, out) => void body(node.scoped ? scope.inner() : scope.root.inner(), out);
    }
    case "generation":
      return generation(block(node.body));
    default:
      return () => node.kind;
  }
}

function assign(target: Target, value: Evaluate): Write {
  const store = assignment(target);
  return (scope) => {
    store(scope, value(scope));
    return undefined;
  };
}

const generation =
  (body: Write): Write =>
  (scope, out) => {
    const [open, close] = scope.marks;
    append(out, open);
    body(scope.inner(), out);
    return append(out, close);
  };

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
  const branches = leniently(() =>
    node.branches.map(({ test, body }) => ({ test: test && expression(test), body: block(body) })),
  );
  return (scope, out) => {
    for (const { test, body } of branches) if (!test || truth(test(scope))) return body(scope, out);
    return undefined;
  };
}

function forStatement(node: Extract<Statement, { kind: "for" }>): Write {
  const [items, store] = [expression(node.items), assignment(node.target)];
  const [body, otherwise] = [block(node.body), block(node.otherwise)];
  const test = node.test && expression(node.test);
  const chosen = (all: Value[], scope: Scope): Value[] => {
    if (!test) return all;
    return all.filter((value) => {
      charge(COST.turn);
      const turn = scope.inner();
      store(turn, value);
      return truth(test(turn));
    });
  };
  const loopOver = (value: Value, scope: Scope, out: Output, depth: number): void => {
    const all = chosen(Array.isArray(value) ? value : listOf(value), scope);
    if (all.length === 0) otherwise(scope.inner(), out);
    const again: Callable = ([inner]) =>
      within(() => capture((_, out) => void loopOver(inner, scope, out, depth + 1), scope));
    const loop = new Loop(all, depth, node.recursive ? again : undefined);
    for (const value of all) {
      charge(COST.turn);
      const turn = scope.inner();
      turn.set("loop", loop);
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
  const caller = macroMaker(node.caller);
  const result = call(node.call, caller);
  return (scope, out) => append(out, str(result(scope)));
}

function macroMaker({ name, parameters, body, reads }: Signature): (scope: Scope) => Callable {
  const write = block(body);
  const known = parameters.map((parameter) => ({
    name: parameter.name,
    fallback: parameter.fallback && expression(parameter.fallback),
  }));
  const [takesArgs, takesNames, takesCaller] = ["varargs", "kwargs", "caller"].map((name) => reads.has(name));
  return (scope) => (positional, named) =>
    within(() => {
      const inner = scope.inner();
      const others = new Map(named);
      known.forEach((parameter, i) => {
        if (i < positional.length) inner.set(parameter.name, positional[i]);
        else if (others.has(parameter.name)) inner.set(parameter.name, others.get(parameter.name));
        else inner.set(parameter.name, parameter.fallback?.(inner));
        if (i >= positional.length) others.delete(parameter.name);
      });
      if (takesCaller && !known.some((parameter) => parameter.name === "caller")) {
        inner.set("caller", others.get("caller"));
        others.delete("caller");
      }
      if (takesNames) inner.set("kwargs", new Map<Value, Value>(others));
      else
        for (const other of others.keys())
          throw new TemplateError(`the macro ${name} takes no argument ${other}`);
      if (takesArgs) inner.set("varargs", Tuple.from(positional.slice(known.length)));
      else if (positional.length > known.length)
        throw new TemplateError(`the macro ${name} takes at most ${known.length} arguments`);
      return capture(write, inner);
    });
}

function assignment(target: Target): (scope: Scope, value: Value) => void {
  if (target.kind === "name") return (scope, value) => scope.set(target.name, value);
  if (target.kind === "attribute")
    return (scope, value) => {
      const object = scope.get(target.of);
      if (!(object instanceof Namespace))
        throw new TemplateError(`${target.of}.${target.name} can't be set: ${target.of} is no namespace`);
      object.values.set(target.name, value);
    };
  const stores = target.items.map(assignment);
  return (scope, value) => {
    const values = listOf(value);
    if (values.length !== stores.length)
      throw new TemplateError(`${values.length} values can't be assigned to ${stores.length} names`);
    for (const [i, store] of stores.entries()) store(scope, values[i]);
  };
}
