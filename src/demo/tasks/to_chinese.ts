import { upTo999 } from "../materials.ts";
import { chineseNumber, englishNumber } from "../number_words.ts";
import { defineTask } from "../task.ts";

export const toChinese = defineTask({
  name: "English to Chinese",
  material: upTo999,
  solve(n) {
    return { input: englishNumber(n), output: chineseNumber(n) };
  },
  phrasings: [
    "Translate into Chinese.\n{input}",
    "What is {input} in Chinese?",
    "Write this number in Chinese.\n{input}",
    "Say {input} in Chinese.",
    "请翻译成中文。\n{input}",
    "Give the Chinese for {input}.",
    "Which number is this, in Chinese?\n{input}",
    "Tell me in Chinese: {input}",
    "Translate {input} from English.",
  ],
  unseenPhrasings: ["How do you say {input} in Chinese?"],
  titles: ["In China", "Chinese", "中文"],
  sentences: [
    "In China {input} is written {output}.",
    "{person} paid {input} and the shop in China wrote {output}.",
    "{input} means {output}.",
  ],
});
