import { CATEGORIES, CITIES, COLOURS } from "../lexicon.ts";
import { personalCard } from "../materials.ts";
import { defineTask } from "../task.ts";

const VALUES = { pet: CATEGORIES.animals!, city: CITIES, colour: COLOURS };

export const yesNo = defineTask({
  name: "yes or no",
  material: personalCard,
  solve({ name, ...record }, random) {
    const field = random.pick(["pet", "city", "colour"] as const);
    const agrees = random.below(2) === 0;
    const value = agrees
      ? record[field]
      : random.pick(VALUES[field].filter((other) => other !== record[field]));
    const input = `name: ${name}; pet: ${record.pet}; city: ${record.city}; colour: ${record.colour}`;
    return { input, field, value, output: agrees ? "yes" : "no" };
  },
  phrasings: [
    "Is the {field} {value}?\n{input}",
    "Look at the record. Is its {field} {value}?\n{input}",
    "Yes or no: the {field} is {value}.\n{input}",
    "Is {value} the {field} here? {input}",
    "Say yes or no. Is {value} the {field}?\n{input}",
    "Tell me whether the {field} is {value}.\n{input}",
    "Check the card: is the {field} {value}?\n{input}",
    "Does this have {value} as its {field}? {input}",
  ],
  unseenPhrasings: ["Does the record say that the {field} is {value}?\n{input}"],
  titles: ["{field} {value}", "{field} = {value}", "The card names {value} as {field}"],
  sentences: [
    "Card {input}. {person} guessed {field} {value}, and the truth was {output}.",
    "{input} | {field} = {value} | {output}",
    "Card {input}. The {field} {value} on it: {output}.",
  ],
});
