import { lineOfWords } from "../materials.ts";
import { defineTask } from "../task.ts";

export const countWords = defineTask({
  name: "count words",
  material: lineOfWords,
  solve(words) {
    return { input: words.join(" "), output: `${words.length}` };
  },
  phrasings: [
    "How many words are there?\n{input}",
    "Count the words: {input}",
    "What is the number of words in this text?\n{input}",
    "How many words are in this line? {input}",
    "Tell me how many words this has.\n{input}",
    "Give the number of words: {input}",
    "How long is this line, in words?\n{input}",
    "Count all words that you see here.\n{input}",
  ],
  unseenPhrasings: ["Count the words of this text.\n{input}"],
  titles: ["Number of words", "Words counted", "Length of the line"],
  sentences: [
    "The line {input} has {output} words.",
    "{person} counted the words in {input} and came to {output}.",
    "There are as many words in {input} as {output} says.",
  ],
});
