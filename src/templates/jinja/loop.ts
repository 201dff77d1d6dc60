import { chargeList } from "./budget.ts";
import { TemplateError } from "./error.ts";
import { type Callable, equal, Thing, Tuple, type Value } from "./value.ts";

/** `loop` of the turn `at`. */
export class Loop extends Thing {
  private last: Value[] | undefined;
  at = 0;
  constructor(
    private readonly items: Value[],
    private readonly depth: number,
    /** `loop(items)` of a recursive loop. */
    readonly again?: Callable,
  ) {
    super();
  }

  get(name: string): Value {
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
        return (values) => {
          if (values.length === 0) throw new TemplateError("loop.cycle() needs values");
          return values[at % values.length];
        };
      case "changed":
        return (values) => this.changed(values);
      default:
        return undefined;
    }
  }

  private changed(values: Value[]): boolean {
    const changed = this.last === undefined || !equal(Tuple.from(this.last), Tuple.from(values));
    this.last = values;
    return changed;
  }
}

/** `cycler(…)`: its values one after the other, again and again. */
export class Cycler extends Thing {
  private at = 0;
  private readonly values: Tuple;
  constructor(values: readonly Value[]) {
    super();
    if (values.length === 0) throw new TemplateError("cycler() needs values");
    chargeList(values.length);
    this.values = Tuple.from(values);
  }

  get(name: string): Value {
    if (name === "current") return this.values[this.at];
    if (name === "reset")
      return () => {
        this.at = 0;
        return null;
      };
    if (name !== "next") return name === "items" ? this.values : name === "pos" ? this.at : undefined;
    return () => {
      const value = this.values[this.at];
      this.at = (this.at + 1) % this.values.length;
      return value;
    };
  }
}
