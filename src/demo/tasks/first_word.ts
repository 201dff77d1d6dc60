import { lineOfWords } from "../materials.ts";
import { defineTask } from "../task.ts";

export const firstWord = defineTask({
  name: "first word",
  material: lineOfWords,
  solve(words) {
    return { input: words.join(" "), output: words[0]! };
  },
  phrasings: [
    "What is the first word?\n{input}",
    "Give the first word of: {input}",
    "Tell me the word this text starts with.\n{input}",
    "Which word comes first here? {input}",
    "Write the word that stands first.\n{input}",
    "Name the first word: {input}",
    "Only the first word, please.\n{input}",
    "Which word does this line begin with?\n{input}",
  ],
  unseenPhrasings: ["Write only the first word of this text.\n{input}"],
  titles: ["First in the line", "How the line starts", "The word that comes first"],
  sentences: [
    "{input} starts with {output}.",
    "In {input} the first word was {output}.",
    "{person} began to read {input} and said {output}.",
  ],
});
