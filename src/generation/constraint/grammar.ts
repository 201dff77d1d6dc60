/** What a text may be, byte by byte: a grammar whose rules may refer to themselves. */

export type Rule =
  /** One byte of these. */
  | { kind: "byte"; bytes: ReadonlySet<number>; least: number }
  | { kind: "sequence"; parts: readonly Rule[]; least: number }
  | { kind: "choice"; choices: readonly Rule[]; least: number }
  | { kind: "repeat"; item: Rule; min: number; max: number; least: number }
  /** A rule that is made later, so that it may contain itself. */
  | { kind: "reference"; rule?: Rule; least: number };

/** A byte in one of these ranges, both ends included. */
export function byte(...ranges: readonly (readonly [number, number])[]): Rule {
  const bytes = new Set<number>();
  for (const [from, to] of ranges) for (let code = from; code <= to; code++) bytes.add(code);
  return { kind: "byte", bytes, least: 1 };
}

/** One of the characters of `chars`, which are ASCII. */
export const oneOf = (chars: string): Rule => byte(...Array.from(chars, (char) => pair(char.charCodeAt(0))));
const pair = (code: number): [number, number] => [code, code];

export const sequence = (...parts: readonly Rule[]): Rule => ({ kind: "sequence", parts, least: Infinity });

export const choice = (...choices: readonly Rule[]): Rule =>
  choices.length === 1 ? choices[0]! : { kind: "choice", choices, least: Infinity };

export const literal = (value: string): Rule =>
  sequence(...Array.from(new TextEncoder().encode(value), (code) => SINGLE[code]!));

const SINGLE = Array.from({ length: 256 }, (_, code) => byte(pair(code)));

export const repeat = (item: Rule, min = 0, max = Infinity): Rule => ({
  kind: "repeat",
  item,
  min,
  max,
  least: Infinity,
});

export const maybe = (item: Rule): Rule => repeat(item, 0, 1);

/** A place for a rule that is given later. */
export const reference = (): Extract<Rule, { kind: "reference" }> => ({ kind: "reference", least: Infinity });

/**
 * Finds for each rule below `root` how many bytes it takes at least, from its parts' to its own, until nothing changes.
 * Infinity of one that never ends.
 */
export function measureRules(root: Rule): void {
  const rules = [...allRules(root)].reverse(); // parts before what they are part of, as far as there are no circles
  for (let changed = true; changed; ) {
    changed = false;
    for (const rule of rules) {
      const least = leastOf(rule);
      changed ||= least < rule.least;
      rule.least = Math.min(rule.least, least);
    }
  }
}

function leastOf(rule: Rule): number {
  switch (rule.kind) {
    case "byte":
      return 1;
    case "sequence":
      return rule.parts.reduce((sum, { least }) => sum + least, 0);
    case "choice":
      return Math.min(...rule.choices.map(({ least }) => least));
    case "repeat":
      return rule.min === 0 ? 0 : rule.min * rule.item.least;
    case "reference":
      return rule.rule?.least ?? Infinity;
  }
}

function allRules(root: Rule): Set<Rule> {
  const found = new Set([root]);
  for (const rule of found) for (const part of partsOf(rule)) found.add(part);
  return found;
}

function partsOf(rule: Rule): readonly Rule[] {
  switch (rule.kind) {
    case "byte":
      return [];
    case "sequence":
      return rule.parts;
    case "choice":
      return rule.choices;
    case "repeat":
      return [rule.item];
    case "reference":
      return rule.rule ? [rule.rule] : [];
  }
}
