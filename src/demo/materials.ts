import { CATEGORIES, CITIES, COLOURS, DAYS, NAMES, NOUNS, OPPOSITES, pluralOf, WORDS } from "./lexicon.ts";
import type { Random } from "./random.ts";
import { fill } from "./task.ts";

/** What problems are made of. Tasks that share a material can be practised on the same one. */

export function lineOfWords(random: Random): string[] {
  return random.sample(WORDS, random.between(2, 6));
}

export function colouredBeads(random: Random): string[] {
  const kinds = random.sample(COLOURS, 3);
  return Array.from({ length: random.between(4, 8) }, () => random.pick(kinds));
}

export function thingsOfOneKind(random: Random): { kind: string; things: string[] } {
  const kind = random.pick(Object.keys(CATEGORIES));
  return { kind, things: random.sample(CATEGORIES[kind]!, random.between(2, 4)) };
}

export function threeAndAStranger(random: Random): { words: string[]; stranger: string } {
  const [kind, otherKind] = random.sample(Object.keys(CATEGORIES), 2);
  const stranger = random.pick(CATEGORIES[otherKind!]!);
  return { words: random.sample([...random.sample(CATEGORIES[kind!]!, 3), stranger], 4), stranger };
}

/** Words, each with its opposite: a material and its mirror image are in the same split. */
export function oppositePairs(random: Random): (readonly [string, string])[] {
  return random.sample(OPPOSITES, random.between(2, 3));
}

const UP_TO_99 = Array.from({ length: 100 }, (_, i) => i);

export function severalNumbers(random: Random): number[] {
  return random.sample(UP_TO_99, random.between(3, 4));
}

/** Two numbers, the larger one first, with a sum below 100. */
export function pairOfNumbers(random: Random): [number, number] {
  const sum = random.between(2, 99);
  const larger = random.between(Math.ceil(sum / 2), sum - 1);
  return [larger, sum - larger];
}

export function upTo999(random: Random): number {
  return random.between(1, 999);
}

export function personalCard(random: Random): { name: string; pet: string; city: string; colour: string } {
  return {
    name: random.pick(NAMES),
    pet: random.pick(CATEGORIES.animals!),
    city: random.pick(CITIES),
    colour: random.pick(COLOURS),
  };
}

const REPORTS = [
  "On {day} {name} bought {number} {things} in {city}.",
  "{name} sold {number} {things} in {city} on {day}.",
  "In {city} {name} saw {number} {things} on {day}.",
  "{name} went to {city} on {day} and found {number} {things}.",
];

export function report(random: Random) {
  const facts = {
    name: random.pick(NAMES),
    city: random.pick(CITIES),
    day: random.pick(DAYS),
    things: pluralOf(random.pick(NOUNS)),
    number: `${random.between(2, 99)}`,
  };
  return { text: fill(random.pick(REPORTS), facts), facts };
}
