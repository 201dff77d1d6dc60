import { WORDS } from "../lexicon.ts";
import { lineOfWords } from "../materials.ts";
import { defineTask } from "../task.ts";

export const upperCase = defineTask({
  name: "upper case",
  material: lineOfWords,
  solve(words) {
    const input = words.join(" ");
    return { input, output: input.toUpperCase() };
  },
  phrasings: [
    "Write in capital letters: {input}",
    "Convert the text to upper case.\n{input}",
    "Change this to capitals.\n{input}",
    "Make it upper case: {input}",
    "Write the text in big letters.\n{input}",
    "Give this with all letters capital: {input}",
    "Turn every letter into a capital.\n{input}",
    "Upper case, please: {input}",
  ],
  unseenPhrasings: ["Put the text in upper case letters.\n{input}"],
  titles: ["Small letters turned capital", "In capitals", "Upper case"],
  sentences: [
    "The sign said {output}, which is {input} in capitals.",
    "{person} painted {input} in upper case: {output}.",
    "{input} becomes {output} when all letters are capital.",
  ],
  fact(random) {
    const word = random.pick(WORDS);
    return random.pick([
      `The word ${word} in capitals is ${word.toUpperCase()}.`,
      `${word} ${word.toUpperCase()}`,
      `${word.toUpperCase()} is the upper case of ${word}.`,
    ]);
  },
});
