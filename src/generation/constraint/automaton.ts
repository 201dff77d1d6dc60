import { measureRules, type Rule } from "./grammar.ts";

/** All that a text may still become: where its grammar stands after what was read. */
export interface State {
  /** Whether the text may end here. */
  readonly isEnd: boolean;
  /** Bytes until it may end, at least. */
  readonly least: number;
  /** After one more byte; undefined where none such may follow. */
  after(byte: number): State | undefined;
}

/** Rules that are still to be met, one after the other; null when there are none. Each list exists once. */
interface Stack {
  id: number;
  rule: Rule;
  rest: Stack | null;
  least: number;
  /** The same with a byte first, in each way it can be; null for the end. */
  heads?: readonly (Stack | null)[];
}

/** The state before the first byte. Each state is made once, when it is first reached. */
export function startOf(root: Rule): State {
  measureRules(root);
  const stacks = new Map<Rule, Map<number, Stack>>();
  const states = new Map<string, State>();
  const repeats = new Map<Rule, Map<string, Rule>>();
  let count = 0;

  const push = (rule: Rule, rest: Stack | null): Stack => {
    const same = stacks.get(rule) ?? new Map<number, Stack>();
    stacks.set(rule, same);
    const key = rest?.id ?? -1;
    const known = same.get(key);
    if (known) return known;
    const made = { id: count++, rule, rest, least: rule.least + (rest?.least ?? 0) };
    same.set(key, made);
    return made;
  };
  /** What is left of a repetition after one more item. */
  const onceLess = (rule: Extract<Rule, { kind: "repeat" }>): Rule => {
    const [min, max] = [Math.max(0, rule.min - 1), rule.max - 1];
    if (min === rule.min && max === rule.max) return rule;
    const same = repeats.get(rule.item) ?? new Map<string, Rule>();
    repeats.set(rule.item, same);
    const known = same.get(`${min} ${max}`);
    const made: Rule = known ?? { ...rule, min, max, least: min === 0 ? 0 : min * rule.item.least };
    same.set(`${min} ${max}`, made);
    return made;
  };
  const headsOf = (stack: Stack | null): readonly (Stack | null)[] => {
    if (stack === null) return [null];
    stack.heads ??= [...new Set(unfold(stack).flatMap((one) => (one === stack ? [stack] : headsOf(one))))];
    return stack.heads;
  };
  const unfold = (stack: Stack): (Stack | null)[] => {
    const { rule, rest } = stack;
    switch (rule.kind) {
      case "byte":
        return [stack];
      case "sequence":
        return [rule.parts.reduceRight<Stack | null>((inner, part) => push(part, inner), rest)];
      case "choice":
        return rule.choices.map((one) => push(one, rest));
      case "repeat": {
        const more = rule.max > 0 ? [push(rule.item, rule.max > 1 ? push(onceLess(rule), rest) : rest)] : [];
        return rule.min > 0 ? more : [rest, ...more];
      }
      case "reference":
        return [push(rule.rule!, rest)];
    }
  };
  const stateOf = (heads: readonly (Stack | null)[]): State | undefined => {
    if (heads.length === 0) return undefined;
    const ids = heads.map((head) => head?.id ?? -1).sort((a, b) => a - b);
    const key = ids.join();
    const known = states.get(key);
    if (known) return known;
    const made = newState(heads);
    states.set(key, made);
    return made;
  };
  const newState = (heads: readonly (Stack | null)[]): State => {
    const next = new Map<number, State | undefined>();
    return {
      isEnd: heads.includes(null),
      least: Math.min(...heads.map((head) => head?.least ?? 0)),
      after(byte) {
        if (!next.has(byte)) {
          const fitting = heads.filter((head) => head?.rule.kind === "byte" && head.rule.bytes.has(byte));
          next.set(byte, stateOf([...new Set(fitting.flatMap((head) => headsOf(head!.rest)))]));
        }
        return next.get(byte);
      },
    };
  };
  return stateOf(headsOf(push(root, null)))!;
}
