import { severalNumbers } from "../materials.ts";
import { defineTask } from "../task.ts";

export const largestNumber = defineTask({
  name: "largest number",
  material: severalNumbers,
  solve(numbers) {
    return { input: numbers.join(" "), output: `${Math.max(...numbers)}` };
  },
  phrasings: [
    "Which number is the largest?\n{input}",
    "Find the largest number: {input}",
    "Name the biggest of the numbers.\n{input}",
    "Which of these is the most? {input}",
    "What is the highest number?\n{input}",
    "Give the greatest of these: {input}",
    "Tell me which number is above all others.\n{input}",
    "Pick the largest: {input}",
  ],
  unseenPhrasings: ["Write only the biggest number.\n{input}"],
  titles: ["The highest of them", "Most of all", "Largest"],
  sentences: [
    "{person} could have any of {input} coins and took {output}, the most.",
    "Of {input} the largest is {output}.",
    "With {input} on the cards the highest, {output}, won.",
  ],
});
