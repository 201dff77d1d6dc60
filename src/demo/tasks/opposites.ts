import { OPPOSITES } from "../lexicon.ts";
import { oppositePairs } from "../materials.ts";
import { defineTask } from "../task.ts";

export const opposites = defineTask({
  name: "opposites",
  material: oppositePairs,
  solve(pairs) {
    const [words, opposites] = [pairs.map(([word]) => word), pairs.map(([, opposite]) => opposite)];
    return { input: words.join(", "), output: opposites.join(", ") };
  },
  phrasings: [
    "Give the opposites.\n{input}",
    "What are the opposites of {input}?",
    "Replace each word by its opposite.\n{input}",
    "Write the opposite of each word: {input}",
    "Say the opposite of each: {input}",
    "For each word, write what it is not.\n{input}",
    "Which words mean the opposite?\n{input}",
    "Turn each word into its opposite.\n{input}",
  ],
  unseenPhrasings: ["Tell me the opposite of every word.\n{input}"],
  titles: ["Words that disagree", "What they are not", "The other way round"],
  sentences: [
    "Not {input} but {output}.",
    "The opposites of {input} are {output}.",
    "{person} called it {input}; the others said the opposite, {output}.",
  ],
  fact(random) {
    const [word, opposite] = random.pick(OPPOSITES);
    return random.pick([
      `${word} is the opposite of ${opposite}.`,
      `${word}: ${opposite}`,
      `What is not ${word} is ${opposite}.`,
    ]);
  },
});
