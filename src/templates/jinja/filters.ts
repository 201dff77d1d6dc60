import { taking } from "./arguments.ts";
import { COST, charge } from "./budget.ts";
import { TemplateError } from "./error.ts";
import { getter, LIST_FILTERS } from "./filters_lists.ts";
import { NUMBER_FILTERS } from "./filters_numbers.ts";
import { formatFilter, TEXT_FILTERS } from "./filters_text.ts";
import { hashKey } from "./hash.ts";
import { str } from "./repr.ts";
import { type Test, testNamed } from "./tests.ts";
import { iterate, Stream, truth, type Value } from "./value.ts";

export type Filter = (value: Value, positional: Value[], named: Map<string, Value>) => Value;

function* selected(
  value: Value,
  positional: Value[],
  named: Map<string, Value>,
  { keep, byAttribute }: { keep: boolean; byAttribute: boolean },
): Generator<Value> {
  if (!truth(value)) return;
  if (byAttribute && positional.length === 0) throw new TemplateError("selectattr needs an attribute's name");
  const get = byAttribute ? getter(positional[0]) : (same: Value) => same;
  const [name, ...args] = byAttribute ? positional.slice(1) : positional;
  const isOne =
    positional.length > (byAttribute ? 1 : 0)
      ? (
          (test) => (one: Value) =>
            test(one, args, named)
        )(testOf(str(name)))
      : truth;
  for (const one of iterate(value)) {
    charge(COST.node);
    if (isOne(get(one)) === keep) yield one;
  }
}

const select =
  (keep: boolean, byAttribute: boolean): Filter =>
  (value, positional, named) =>
    new Stream(selected(value, positional, named, { keep, byAttribute }));

function* mapped(value: Value, positional: Value[], named: Map<string, Value>): Generator<Value> {
  if (!truth(value)) return;
  const convert = conversion(positional, named);
  for (const one of iterate(value)) {
    charge(COST.node);
    yield convert(one);
  }
}

function conversion(positional: Value[], named: Map<string, Value>): (value: Value) => Value {
  const [name, ...rest] = positional;
  if (positional.length === 0 && named.has("attribute")) {
    for (const other of named.keys())
      if (other !== "attribute" && other !== "default")
        throw new TemplateError(`map takes no argument ${other}`);
    return getter(named.get("attribute"), named.get("default"));
  }
  if (positional.length === 0) throw new TemplateError("map needs a filter or an attribute");
  const filter = filterNamed(str(name));
  return (value) => filter(value, rest, named);
}

const FILTERS: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  ...[...TEXT_FILTERS, ...NUMBER_FILTERS, ...LIST_FILTERS].map(([name, args, run]): [string, Filter] => {
    const bind = taking(`the filter ${name}`, args);
    return [name, (value, positional, named) => run(value, ...bind(positional, named))];
  }),
  ["map", (value, positional, named) => new Stream(mapped(value, positional, named))],
  ["select", select(true, false)],
  ["reject", select(false, false)],
  ["selectattr", select(true, true)],
  ["rejectattr", select(false, true)],
  ["format", formatFilter],
]);

/** jinja2's, that make no sense in a prompt: `random` is another text each time, the others write for people. */
const REFUSED = ["random", "urlize", "pprint"];

/** https://jinja.palletsprojects.com/en/stable/templates/#list-of-builtin-filters @throws TemplateError */
export function filterNamed(name: string): Filter {
  const filter = FILTERS.get(name);
  if (filter) return filter;
  throw new TemplateError(
    REFUSED.includes(name) ? `the filter ${name} isn't supported` : `there is no filter named ${name}`,
  );
}

const isFilter: Test = (value) => {
  const name = hashKey(value) as string;
  return FILTERS.has(name) || REFUSED.includes(name);
};

/** @throws TemplateError */
export const testOf = (name: string): Test => (name === "filter" ? isFilter : testNamed(name));
