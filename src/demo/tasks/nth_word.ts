import { lineOfWords } from "../materials.ts";
import { defineTask } from "../task.ts";

const ORDINALS = ["second", "third", "fourth"];

export const nthWord = defineTask({
  name: "n-th word",
  material: lineOfWords,
  solve(words, random) {
    const place = random.below(Math.min(words.length - 1, ORDINALS.length));
    return { input: words.join(" "), ordinal: ORDINALS[place]!, output: words[place + 1]! };
  },
  phrasings: [
    "What is the {ordinal} word?\n{input}",
    "Give the {ordinal} word of: {input}",
    "Tell me the {ordinal} word of this text.\n{input}",
    "Which word is {ordinal} here? {input}",
    "Write the word that stands {ordinal}.\n{input}",
    "Name the {ordinal} word: {input}",
    "Only the {ordinal} word, please.\n{input}",
    "Which word does this line have in {ordinal} place?\n{input}",
  ],
  unseenPhrasings: ["Write only the {ordinal} word of this text.\n{input}"],
  titles: ["The {ordinal} in the line", "In {ordinal} place", "Counting along to the {ordinal}"],
  sentences: [
    "In {input} the {ordinal} word was {output}.",
    "{person} looked at {input} and found {output} in {ordinal} place.",
    "The {ordinal} word in {input} is {output}.",
  ],
});
