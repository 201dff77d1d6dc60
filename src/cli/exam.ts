import type { Example } from "../data/example.ts";
import { alpaca } from "../data/formats/alpaca.ts";
import type { InstructionRow } from "../demo/instructions.ts";
import type { ScoredAnswer } from "../demo/score.ts";
import type { Talk } from "../generation/talk.ts";
import type { Message } from "../templates/message.ts";

/** What a model answers to the questions of an Alpaca file; the right answers are with them. */
export interface ExamAnswer extends ScoredAnswer {
  question: string;
}

const AT_ONCE = 48; // questions between two signs of life
const MAX_TOKENS = 16; // more than any right answer has

/** Puts each row's question as training puts it, and takes the likeliest answer. `tell` hears how many are answered. */
export async function takeExam(
  model: Pick<Talk, "chatBatch">,
  rows: readonly InstructionRow[],
  { tell, signal }: { tell: (answered: number) => void; signal?: AbortSignal },
): Promise<ExamAnswer[]> {
  const answers: ExamAnswer[] = [];
  for (let from = 0; from < rows.length; from += AT_ONCE) {
    tell(from);
    const part = rows.slice(from, from + AT_ONCE);
    const completions = await model.chatBatch(part.map(questionOf), { maxTokens: MAX_TOKENS, signal });
    for (const [i, { task, output, instruction, input = "" }] of part.entries())
      answers.push({
        task,
        output,
        question: `${instruction} ${input}`.trim(),
        answer: completions[i]!.text,
      });
  }
  return answers;
}

/** The row's conversation without its answer. */
function questionOf(row: InstructionRow): Message[] {
  const example = alpaca.read({ ...row }, { file: "held out", row: 1 });
  return (example as Extract<Example, { kind: "conversation" }>).messages.slice(0, -1);
}
