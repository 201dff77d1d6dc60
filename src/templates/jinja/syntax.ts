/** What a template is made of: what the parser makes, and the compiler turns into functions. */

import type { Value } from "./value.ts";

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
  /** Which of {@link SPECIAL_NAMES} the body reads. */
  reads: ReadonlySet<string>;
}

/** What a macro has when it reads it: other arguments, and what a `{% call %}` block encloses. */
export const SPECIAL_NAMES = ["varargs", "kwargs", "caller"];

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
  | { kind: "callBlock"; call: Extract<Expression, { kind: "call" }>; caller: Signature }
  | { kind: "filterBlock"; filters: Expression; body: Statement[] }
  | { kind: "with"; targets: [Target, Expression][]; body: Statement[] }
  /** A part of the template that others could override. */
  | { kind: "block"; name: string; scoped: boolean; body: Statement[] }
  | { kind: "generation"; body: Statement[] }
  | { kind: "break" | "continue" };

/** Stands for the captured text where filters are applied to it. */
export const CAPTURED = "\0captured";

/** How many expressions an expression is made of: about what it costs. */
export function countNodes(node: Expression | Arguments | undefined): number {
  if (node === undefined) return 0;
  let count = 1;
  for (const part of Object.values(node))
    if (Array.isArray(part)) count += part.reduce((sum: number, one) => sum + countParts(one), 0);
    else if (isNode(part)) count += countNodes(part);
  return count;
}

const countParts = (part: unknown): number =>
  Array.isArray(part)
    ? part.reduce((sum: number, one) => sum + countParts(one), 0)
    : isNode(part)
      ? countNodes(part)
      : 0;

const isNode = (part: unknown): part is Expression =>
  typeof part === "object" && part !== null && ("kind" in part || "positional" in part);
