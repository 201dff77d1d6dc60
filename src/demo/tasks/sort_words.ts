import { thingsOfOneKind } from "../materials.ts";
import { defineTask } from "../task.ts";

export const sortWords = defineTask({
  name: "sort words",
  material: thingsOfOneKind,
  solve({ things }) {
    return { input: things.join(", "), output: things.toSorted().join(", ") };
  },
  phrasings: [
    "Sort the words alphabetically.\n{input}",
    "Put these words in alphabetical order: {input}",
    "Order the list from A to Z.\n{input}",
    "Sort by the alphabet: {input}",
    "Give the words in the order of a dictionary.\n{input}",
    "List the words from A to Z: {input}",
    "Write these words, sorted by the alphabet.\n{input}",
    "Arrange as in a dictionary: {input}",
  ],
  unseenPhrasings: ["Arrange these words alphabetically.\n{input}"],
  titles: ["Alphabetical order", "From A to Z", "As in a dictionary"],
  sentences: [
    "{person} sorted {input} alphabetically and got {output}.",
    "The dictionary has {input} in this order: {output}.",
    "From A to Z, {input} stand as {output}.",
  ],
});
