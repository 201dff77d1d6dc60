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
  ],
  unseenPhrasings: ["Name the word that does not fit with the others.\n{input}"],
  titles: ["The stranger in the row", "Three alike and one other", "The odd one"],
  sentences: [
    "Of {input} only {output} is of another kind.",
    "{person} looked at {input} and took {output} away as the odd one.",
    "In {input} the stranger is {output}.",
  ],
});
