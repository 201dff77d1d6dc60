import { upTo999 } from "../materials.ts";
import { chineseNumber, englishNumber } from "../number_words.ts";
import { defineTask } from "../task.ts";

export const fromChinese = defineTask({
  name: "Chinese to English",
  material: upTo999,
  solve(n) {
    return { input: chineseNumber(n), output: englishNumber(n) };
  },
  phrasings: [
    "Translate into English.\n{input}",
    "What is {input} in English?",
    "Write this number in English.\n{input}",
    "Say {input} in English.",
    "请翻译成英文。\n{input}",
    "Give the English for {input}.",
    "Which number is this, in English?\n{input}",
    "Tell me in English: {input}",
    "Translate {input} from Chinese.",
  ],
  unseenPhrasings: ["How do you say {input} in English?"],
  titles: ["In England", "English", "英文"],
  sentences: [
    "{output} is what {input} says.",
    "{person} saw {input} on a sign, that is {output}.",
    "{input} means {output}.",
  ],
});
