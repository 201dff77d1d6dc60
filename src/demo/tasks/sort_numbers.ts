import { severalNumbers } from "../materials.ts";
import { defineTask } from "../task.ts";

export const sortNumbers = defineTask({
  name: "sort numbers",
  material: severalNumbers,
  solve(numbers) {
    return { input: numbers.join(" "), output: numbers.toSorted((a, b) => a - b).join(" ") };
  },
  phrasings: [
    "Sort the numbers.\n{input}",
    "Put these numbers in ascending order: {input}",
    "Order the numbers from small to large.\n{input}",
    "Sort from smallest to largest: {input}",
    "Give the numbers from low to high.\n{input}",
    "List the numbers in rising order: {input}",
    "Write these numbers, the smallest first.\n{input}",
    "Arrange from small to big: {input}",
  ],
  unseenPhrasings: ["Arrange these numbers in ascending order.\n{input}"],
  titles: ["Numbers in order", "From small to large", "Ascending"],
  sentences: [
    "{person} sorted {input} and got {output}.",
    "From small to large, {input} stand as {output}.",
    "In ascending order {input} are {output}.",
  ],
});
