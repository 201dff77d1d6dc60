import type { Value } from "./value.ts";

/** Written before and after what `{% generation %}` encloses. */
export type Marks = readonly [open: string, close: string];

/** Names that can be seen at one place of a template; a name is looked for from the inside out. */
export class Scope {
  private readonly values = new Map<string, Value>();
  constructor(
    readonly marks: Marks,
    private readonly outer?: Scope,
  ) {}

  /** Where the template begins. */
  get root(): Scope {
    return this.outer?.root ?? this;
  }
  inner(): Scope {
    return new Scope(this.marks, this);
  }
  get(name: string): Value {
    for (let scope: Scope | undefined = this; scope; scope = scope.outer) {
      const value = scope.values.get(name);
      if (value !== undefined || scope.values.has(name)) return value;
    }
    return undefined;
  }
  set(name: string, value: Value): void {
    this.values.set(name, value);
  }
}
