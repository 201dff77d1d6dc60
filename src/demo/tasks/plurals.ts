import { NOUNS, pluralOf } from "../lexicon.ts";
import { thingsOfOneKind } from "../materials.ts";
import { defineTask } from "../task.ts";

export const plurals = defineTask({
  name: "plurals",
  material: thingsOfOneKind,
  solve({ things }) {
    return { input: things.join(", "), output: things.map(pluralOf).join(", ") };
  },
  phrasings: [
    "Give the plurals.\n{input}",
    "What are the plurals of {input}?",
    "Turn each word into its plural.\n{input}",
    "Write the plural of each word: {input}",
    "Say the plural of each: {input}",
    "For each word, write what several are called.\n{input}",
    "Which words mean several?\n{input}",
    "Make each word plural.\n{input}",
  ],
  unseenPhrasings: ["Tell me the plural of every word.\n{input}"],
  titles: ["Many of each", "Plural forms", "From one to several"],
  sentences: [
    "One of each is {input}; two of each are {output}.",
    "The plural of {input} is {output}.",
    "{person} drew {input} first and then many {output}.",
  ],
  fact(random) {
    const one = random.pick(NOUNS);
    const many = pluralOf(one);
    return random.pick([`one ${one}, two ${many}`, `${one}: ${many}`, `Many ${many} came, not one ${one}.`]);
  },
});
