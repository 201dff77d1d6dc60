import { pairOfNumbers } from "../materials.ts";
import { defineTask } from "../task.ts";

export const addition = defineTask({
  name: "add",
  material: pairOfNumbers,
  solve([a, b]) {
    return { input: `${a} + ${b}`, a: `${a}`, b: `${b}`, output: `${a + b}` };
  },
  phrasings: [
    "What is {a} plus {b}?",
    "Add {a} and {b}.",
    "Work out the sum.\n{input}",
    "Calculate {input}",
    "How much is {input}?",
    "What do {a} and {b} make together?",
    "Give the sum of {a} and {b}.",
    "Find the total: {input}",
    "Put the two numbers together.\n{input}",
  ],
  unseenPhrasings: ["Please add {a} and {b}."],
  titles: ["Sum", "Together", "The bill"],
  sentences: [
    "{a} and {b} make {output}.",
    "{person} had {a} coins, got {b} more and then had {output}.",
    "{a} + {b} = {output}",
  ],
});
