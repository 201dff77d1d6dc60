import { CATEGORIES } from "../lexicon.ts";
import { thingsOfOneKind } from "../materials.ts";
import { defineTask } from "../task.ts";

export const category = defineTask({
  name: "category",
  material: thingsOfOneKind,
  solve({ kind, things }) {
    return { input: things.join(", "), output: kind };
  },
  phrasings: [
    "What kind of things are these?\n{input}",
    "Which category do these belong to: {input}",
    "Classify the words.\n{input}",
    "What are {input}?",
    "To which group do these things belong?\n{input}",
    "Give one word for all of them: {input}",
    "Tell me what all of these are.\n{input}",
    "Name their kind: {input}",
  ],
  unseenPhrasings: ["Name the category of these words.\n{input}"],
  titles: ["Their kind", "The shelf in the shop where they lie", "All of them are"],
  sentences: [
    "{input} are all {output}.",
    "{person} put {input} with the {output}.",
    "The shop keeps {input} with the {output}.",
  ],
  fact(random) {
    const kind = random.pick(Object.keys(CATEGORIES));
    const thing = random.pick(CATEGORIES[kind]!);
    return random.pick([
      `${thing} belongs to the ${kind}.`,
      `${thing}: ${kind}`,
      `The shop keeps ${thing} with the ${kind}.`,
    ]);
  },
});
