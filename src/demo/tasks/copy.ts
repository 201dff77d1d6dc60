import { lineOfWords } from "../materials.ts";
import { defineTask } from "../task.ts";

export const copy = defineTask({
  name: "copy",
  material: lineOfWords,
  solve(words) {
    const input = words.join(" ");
    return { input, output: input };
  },
  phrasings: [
    "Repeat the words.\n{input}",
    "Repeat after me: {input}",
    "Copy this text exactly.\n{input}",
    "Say this again: {input}",
    "Echo the input.\n{input}",
    "Write the same text again.\n{input}",
    "Give back what is written here: {input}",
    "Say exactly this: {input}",
    "Repeat this line word for word.\n{input}",
  ],
  unseenPhrasings: ["Please repeat exactly: {input}"],
  titles: ["The same words twice", "Word for word", "The same"],
  sentences: [
    "{person} heard {input} and wrote down {input}.",
    '"{input}", said {person}. "{output}", came back from the wall.',
    "An exact copy of {input} is {output}.",
  ],
});
