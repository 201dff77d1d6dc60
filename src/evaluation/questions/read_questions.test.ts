import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readDataFile } from "../../data/files/open_data.ts";
import { task } from "../../data/tasks/task_schema.ts";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import type { Question } from "./question.ts";
import { heldOutExamples, isUnusable, type QuestionSource, questionsOf } from "./read_questions.ts";

const path = temporaryDirectory();

function table(name: string, content: string | readonly object[]) {
  const file = path(name);
  const text = typeof content === "string" ? content : content.map((row) => JSON.stringify(row)).join("\n");
  writeFileSync(file, text);
  return { name: file, rows: (header?: Parameters<typeof readDataFile>[1]) => readDataFile(file, header) };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const read = async (name: string, content: string | readonly object[], source: QuestionSource = {}) =>
  all(questionsOf(table(name, content), source, 1));

const first = async (...of: Parameters<typeof read>) => (await read(...of))[0] as Question;
const promptOf = ({ prompt }: Question) => (prompt?.kind === "text" ? prompt.text : prompt?.messages);

describe("exams", () => {
  test("MMLU's CSV has no line of columns", async () => {
    const questions = (await read(
      "college_physics_test.csv",
      '"Which, of these?",1,1,2,2,C\nNext?,a,b,c,d,A\n',
    )) as Question[];
    expect(questions.map(({ choices }) => choices!.right)).toEqual([2, 0]);
    expect(questions[0]).toMatchObject({ task: "college physics", references: ["C"], isGenerated: false });
    expect(promptOf(questions[0]!)).toBe(
      "The following are multiple choice questions (with answers) about college physics.\n\n" +
        "Which, of these?\nA. 1\nB. 1\nC. 2\nD. 2\nAnswer:",
    );
    expect(questions[0]!.choices!.texts).toEqual([" A", " B", " C", " D"]);
  });

  test("CMMLU and C-Eval ask in Chinese", async () => {
    const cmmlu = await first("agronomy.csv", ",Question,A,B,C,D,Answer\n0,哪个？,甲,乙,丙,丁,B\n");
    expect(cmmlu.choices).toEqual({ texts: ["A", "B", "C", "D"], right: 1 });
    expect(promptOf(cmmlu)).toMatch(/^以下是关于agronomy的.*题目：哪个？\nA\. 甲\n.*D\. 丁\n答案是：$/s);
    const ceval = await first(
      "law_dev.csv",
      "id,question,A,B,C,D,answer,explanation\n0,哪个？,甲,乙,丙,丁,D,因为\n",
    );
    expect(ceval.choices!.right).toBe(3);
    expect(promptOf(ceval)).toMatch(/^以下是中国关于law考试的.*答案：$/s);
  });

  test("MMLU as the hub has it, the answer a number", async () => {
    const row = { question: "Q?", subject: "moral_disputes", choices: ["w", "x", "y"], answer: 1 };
    const question = await first("rows.jsonl", [row]);
    expect(question).toMatchObject({ task: "moral disputes", choices: { right: 1 }, references: ["B"] });
  });

  test("an answer that is none of the choices is told", async () => {
    const [bad] = await read("x.jsonl", [{ question: "Q?", choices: ["w", "x"], answer: 2 }]);
    expect(bad).toMatchObject({ kind: "unusable", reason: expect.stringMatching(/one of 2 choices/) });
  });
});

test("IFEval's rows have no right answer, so no loss", async () => {
  const rows = [
    {
      key: 1,
      prompt: "Write.",
      instruction_id_list: ["length_constraints:number_words"],
      kwargs: [{ num_words: 3, relation: "at least", num_sentences: null }],
    },
  ];
  const question = await first("input_data.jsonl", rows);
  expect(question).toMatchObject({ task: "ifeval", isGenerated: true, references: [] });
  expect(question.follow!("one two three")).toEqual({ strict: [true], loose: [true] });
  expect(await all(heldOutExamples(table("again.jsonl", rows), {}, 1))).toEqual([]);
  const [bad] = await read("bad.jsonl", [{ ...rows[0]!, kwargs: [{}] }]);
  expect(bad).toMatchObject({ reason: expect.stringMatching(/number_words.*relation|num_words/) });
});

describe("training rows", () => {
  test("the last answer is asked, from all before it", async () => {
    const messages = ["q1", "a1", "q2", "a2"].map((content, i) => ({
      role: i % 2 === 0 ? "user" : "assistant",
      content,
    }));
    const question = await first("chat.jsonl", [{ messages }]);
    expect(question.references).toEqual(["a2"]);
    expect(promptOf(question)).toHaveLength(3);
    expect(question.task).toBe("chat");
  });

  test("a row's own references count, and its column task names it", async () => {
    const row = { instruction: "Say", output: "x", references: ["x", "y"], task: "say" };
    expect(await first("rows.jsonl", [row])).toMatchObject({ references: ["x", "y"], task: "say" });
    const [bad] = await read("none.jsonl", [{ ...row, references: [] }]);
    expect(isUnusable(bad!)).toBe(true);
  });

  test("cluster names rows by a column", async () => {
    const source = { cluster: "{{topic}}" };
    expect(await first("rows.jsonl", [{ instruction: "a", output: "b", topic: "t" }], source)).toMatchObject({
      task: "t",
    });
  });

  test("preferences are asked, disliked answers are not", async () => {
    const chosen = await first("pairs.jsonl", [{ prompt: "q", chosen: "good", rejected: "bad" }]);
    expect(chosen.references).toEqual(["good"]);
    expect(await read("rated.jsonl", [{ prompt: "q", completion: "c", label: false }])).toEqual([]);
  });

  test("a task's choices are what each would answer; an inversion has none", async () => {
    const labelled = task.parse({
      templates: [{ input: "{{text}}?", output: "It is {{label}}." }],
      inversions: [{ input: "Write what is {{label}}", output: "{{text}}" }],
      phrasings: "all",
      choices: ["bad", "good"],
    });
    const questions = (await read("l.jsonl", [{ text: "film", label: 1 }], { task: labelled })) as Question[];
    expect(questions.map(({ choices }) => choices)).toEqual([
      { texts: ["It is bad.", "It is good."], right: 1 },
      undefined,
    ]);
  });
});
