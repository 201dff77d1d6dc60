import { withBudget } from "./budget.ts";
import { block } from "./compile_statements.ts";
import { TemplateError } from "./error.ts";
import { sizeOf } from "./from_json.ts";
import { GLOBALS } from "./globals.ts";
import { parse } from "./parser.ts";
import { type Marks, Scope } from "./scope.ts";
import type { Value } from "./value.ts";

export interface JinjaTemplate {
  /** Whether it has `{% generation %}` blocks. */
  marksGeneration: boolean;
  /**
   * @param marks written before and after what a `{% generation %}` block encloses.
   * @throws TemplateError
   */
  render(variables: ReadonlyMap<string, Value>, marks?: Marks): string;
}

/**
 * jinja2 (https://jinja.palletsprojects.com) as transformers sets it up: sandboxed and immutable, `trim_blocks`,
 * `lstrip_blocks`, loop controls, its own `tojson` and `{% generation %}`. Templates become functions once, which is
 * several times faster than to walk them for each conversation. There are no other templates to include or extend.
 * @throws TemplateError that names the line.
 */
export function compileJinja(source: string): JinjaTemplate {
  const write = bounded(() => block(parse(source)));
  return {
    marksGeneration: /\{%[-+]?\s*generation\s*[-+]?%\}/.test(source),
    render(variables, marks = ["", ""]) {
      const scope = new Scope(marks);
      for (const [name, value] of GLOBALS) scope.set(name, value);
      for (const [name, value] of variables) scope.set(name, value);
      const out = { text: "" };
      bounded(() => withBudget(sizeOf([...variables.values()]), () => write(scope, out)));
      return out.text;
    },
  };
}

/** What JavaScript itself fails at is the template's fault, too: a stack too deep, a text too long. */
function bounded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError)
      throw new TemplateError("it is nested too deeply, or makes too long a text");
    throw error;
  }
}
