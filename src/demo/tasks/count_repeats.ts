import { colouredBeads } from "../materials.ts";
import { defineTask } from "../task.ts";

export const countRepeats = defineTask({
  name: "count repeats",
  material: colouredBeads,
  solve(beads, random) {
    const target = random.pick(beads);
    const count = beads.filter((colour) => colour === target).length;
    return { input: beads.join(" "), target, output: `${count}` };
  },
  phrasings: [
    "How often is {target} in the list?\n{input}",
    "Count how many times {target} occurs: {input}",
    "How many times is the word {target} here?\n{input}",
    "How often do you see {target}? {input}",
    "Tell me the number of times {target} comes up.\n{input}",
    "In this list, how many are {target}? {input}",
    "Count {target}: {input}",
    "How many {target} are there?\n{input}",
  ],
  unseenPhrasings: ["Count the word {target} in this list.\n{input}"],
  titles: ["The beads that are {target}", "Times that {target} comes", "{target} beads counted"],
  sentences: [
    "On the string {input} the colour {target} comes {output} times.",
    "{person} laid {input} and counted {target} beads: {output}.",
    "Of the beads {input} those that are {target} number {output}.",
  ],
});
