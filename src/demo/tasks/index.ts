import type { DemoTask } from "../task.ts";
import { addition } from "./add.ts";
import { category } from "./category.ts";
import { copy } from "./copy.ts";
import { countRepeats } from "./count_repeats.ts";
import { countWords } from "./count_words.ts";
import { extract } from "./extract.ts";
import { firstWord } from "./first_word.ts";
import { fromChinese } from "./from_chinese.ts";
import { largestNumber } from "./largest_number.ts";
import { lastWord } from "./last_word.ts";
import { nthWord } from "./nth_word.ts";
import { oddOneOut } from "./odd_one_out.ts";
import { opposites } from "./opposites.ts";
import { plurals } from "./plurals.ts";
import { reverseWords } from "./reverse_words.ts";
import { sortNumbers } from "./sort_numbers.ts";
import { sortWords } from "./sort_words.ts";
import { subtract } from "./subtract.ts";
import { toChinese } from "./to_chinese.ts";
import { upperCase } from "./upper_case.ts";
import { yesNo } from "./yes_no.ts";

/** The skills that the base's pretraining text practises. */
export const TASKS: readonly DemoTask[] = [
  copy,
  upperCase,
  firstWord,
  lastWord,
  nthWord,
  reverseWords,
  countWords,
  countRepeats,
  sortWords,
  sortNumbers,
  largestNumber,
  addition,
  subtract,
  category,
  oddOneOut,
  plurals,
  opposites,
  yesNo,
  extract,
  toChinese,
  fromChinese,
];

/**
 * The skills that the demo teaches and scores, in the order of its table. Left out are the two of which a base of this
 * size picks up next to nothing: it answers one subtraction in twenty, and one count of repeats in four.
 */
export const DEMO_TASKS: readonly DemoTask[] = TASKS.filter(
  (task) => task !== subtract && task !== countRepeats,
);
