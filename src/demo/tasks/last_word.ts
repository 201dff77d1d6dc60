import { lineOfWords } from "../materials.ts";
import { defineTask } from "../task.ts";

export const lastWord = defineTask({
  name: "last word",
  material: lineOfWords,
  solve(words) {
    return { input: words.join(" "), output: words.at(-1)! };
  },
  phrasings: [
    "What is the last word?\n{input}",
    "Give the last word of: {input}",
    "Tell me the word this text ends with.\n{input}",
    "Which word comes last here? {input}",
    "Write the word that stands last.\n{input}",
    "Name the last word: {input}",
    "Only the last word, please.\n{input}",
    "Which word does this line end with?\n{input}",
  ],
  unseenPhrasings: ["Write only the last word of this text.\n{input}"],
  titles: ["Last in the line", "How the line ends", "The word that comes last"],
  sentences: [
    "{input} ends with {output}.",
    "In {input} the last word was {output}.",
    "{person} read {input} to the end, so {output} came last.",
  ],
});
