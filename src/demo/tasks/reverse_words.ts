import { lineOfWords } from "../materials.ts";
import { defineTask } from "../task.ts";

export const reverseWords = defineTask({
  name: "reverse words",
  material: lineOfWords,
  solve(words) {
    return { input: words.join(" "), output: words.toReversed().join(" ") };
  },
  phrasings: [
    "Reverse the order of the words.\n{input}",
    "Write the words in reverse order: {input}",
    "Turn this text around, last word first.\n{input}",
    "Say it backwards: {input}",
    "Read the words from the end to the start.\n{input}",
    "List the words from last to first: {input}",
    "Put the words in the opposite order.\n{input}",
    "Write this from back to front: {input}",
  ],
  unseenPhrasings: ["Give these words in reverse order.\n{input}"],
  titles: ["Backwards", "In reverse", "From the last word to the first"],
  sentences: [
    "{input} backwards is {output}.",
    "{person} read {input} in reverse, as {output}.",
    "In a mirror {input} is turned around: {output}.",
  ],
});
