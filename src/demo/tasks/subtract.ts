import { pairOfNumbers } from "../materials.ts";
import { defineTask } from "../task.ts";

export const subtract = defineTask({
  name: "subtract",
  material: pairOfNumbers,
  solve([a, b]) {
    return { input: `${a} - ${b}`, a: `${a}`, b: `${b}`, output: `${a - b}` };
  },
  phrasings: [
    "What is {a} minus {b}?",
    "Subtract {b} from {a}.",
    "Work out the difference.\n{input}",
    "Calculate {input}",
    "How much is {input}?",
    "How much is {a} less {b}?",
    "Give the difference of {a} and {b}.",
    "What is left of {a} without {b}?",
    "Find the difference: {input}",
  ],
  unseenPhrasings: ["Please take {b} away from {a}."],
  titles: ["Difference", "What is left", "Change"],
  sentences: [
    "{a} less {b} leaves {output}.",
    "{person} had {a} coins, spent {b} and kept {output}.",
    "{a} - {b} = {output}",
  ],
});
