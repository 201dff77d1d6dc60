import { equal, Namespace, TemplateError, type Tuple, truth, type Value } from "./value.ts";

/** What one rendering may use up. Templates can't loop forever, but nested loops and recursion come close. */
export interface Run {
  /** Loop turns and calls left. */
  steps: number;
  depth: number;
  /** Written before and after what `{% generation %}` encloses. */
  marks: readonly [open: string, close: string];
}

const MAX_STEPS = 5_000_000;
const MAX_DEPTH = 100;

export const startRun = (marks: Run["marks"]): Run => ({ steps: MAX_STEPS, depth: 0, marks });

export function step(run: Run): void {
  if (--run.steps < 0)
    throw new TemplateError(`it takes more than ${MAX_STEPS} steps; does it loop without end?`);
}

export function within<T>(run: Run, work: () => T): T {
  step(run);
  if (++run.depth > MAX_DEPTH) throw new TemplateError("its macros call each other too deeply");
  try {
    return work();
  } finally {
    run.depth--;
  }
}

/** Names that can be seen at one place of a template; a name is looked for from the inside out. */
export class Scope {
  private readonly values = new Map<string, Value>();
  constructor(
    readonly run: Run,
    private readonly outer?: Scope,
  ) {}

  inner(): Scope {
    return new Scope(this.run, this);
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

/** `loop` of the turn `at`. */
export class Loop extends Namespace {
  private last: Value[] | undefined;
  at = 0;
  constructor(
    private readonly items: Value[],
    private readonly depth: number,
  ) {
    super(new Map());
  }

  override get(name: string): Value {
    const { at, items } = this;
    switch (name) {
      case "index":
        return at + 1;
      case "index0":
        return at;
      case "revindex":
        return items.length - at;
      case "revindex0":
        return items.length - at - 1;
      case "first":
        return at === 0;
      case "last":
        return at === items.length - 1;
      case "length":
        return items.length;
      case "depth":
        return this.depth;
      case "depth0":
        return this.depth - 1;
      case "previtem":
        return items[at - 1];
      case "nextitem":
        return items[at + 1];
      case "cycle":
        return (values) => values[at % values.length];
      case "changed":
        return (values) => {
          const changed = this.last === undefined || !equal(this.last, values);
          this.last = values;
          return changed;
        };
      default:
        return undefined;
    }
  }
}

const MAX_RANGE = 100_000; // jinja2.sandbox.MAX_RANGE

function range(...bounds: Value[]): Value {
  const [first, last, by = 1] = bounds as number[];
  const [start, stop] = last === undefined ? [0, first!] : [first!, last];
  const length = Math.max(0, Math.ceil((stop - start) / by));
  if (![start, stop, by].every(Number.isInteger) || by === 0)
    throw new TemplateError("range() needs whole numbers");
  if (length > MAX_RANGE) throw new TemplateError(`range too big: at most ${MAX_RANGE} numbers`);
  return Array.from({ length }, (_, i) => start + i * by);
}

/** jinja2's own global functions. */
export const GLOBALS: readonly [string, Value][] = [
  ["range", (positional) => range(...positional)],
  ["namespace", (positional, named) => new Namespace(new Map([...pairs(positional[0]), ...named]))],
  ["dict", (positional, named) => new Map<Value, Value>([...pairs(positional[0]), ...named])],
];

function pairs(value: Value): [string, Value][] {
  if (value instanceof Map) return [...value] as [string, Value][];
  return truth(value) && Array.isArray(value)
    ? (value.map((pair) => Array.from(pair as Tuple)) as [string, Value][])
    : [];
}
