import { threeAndAStranger } from "../materials.ts";
import { defineTask } from "../task.ts";

export const oddOneOut = defineTask({
  name: "odd one out",
  material: threeAndAStranger,
  solve({ words, stranger }) {
    return { input: words.join(", "), output: stranger };
  },
  phrasings: [
    "Which word does not belong?\n{input}",
    "Find the odd one out: {input}",
    "One of these is different. Which one?\n{input}",
    "Which one does not fit? {input}",
    "Which word is of another kind?\n{input}",
    "Pick the word that is unlike the rest: {input}",
    "All but one go together. Tell me the one that does not.\n{input}",
    "Name the stranger: {input}",
  ],
  unseenPhrasings: ["Name the word that does not fit with the others.\n{input}"],
  titles: ["The stranger in the row", "Three alike and one other", "The odd one"],
  sentences: [
    "Of {input} only {output} is of another kind.",
    "{person} looked at {input} and took {output} away as the odd one.",
    "In {input} the stranger is {output}.",
  ],
});
