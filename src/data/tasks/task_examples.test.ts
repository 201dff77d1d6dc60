import { describe, expect, test } from "vitest";
import { AttuneError } from "../../text/errors.ts";
import type { Conversation, UnusableRow } from "../example.ts";
import type { DataRow } from "../files/data_row.ts";
import { FIRST_ROWS, firstRows, openTask, taskExamplesOf } from "./task_examples.ts";
import * as schema from "./task_schema.ts";

type TaskInput = Parameters<typeof schema.task.parse>[0] & object;

const review = { input: "Is this good?\n\n{{text}}\n\n{{choices}}", output: "{{label}}" };
const reviews = { templates: [review], choices: ["negative", "positive"] };
const rowsOf = (values: unknown[]): DataRow[] => values.map((value, i) => ({ row: i + 1, value }));
const manyRows = (count: number) =>
  rowsOf(Array.from({ length: count }, (_, i) => ({ text: `text ${i}`, label: i % 2 })));

const read = (task: TaskInput, values: unknown[], seed = 1) => {
  const rows = rowsOf(values);
  const reader = openTask(schema.task.parse(task), { file: "a.csv", first: rows, seed });
  return rows.flatMap(reader);
};
const asked = (examples: (Conversation | UnusableRow)[]) =>
  examples.map((one) =>
    one.kind === "unusable" ? one.reason : one.messages.map(({ content }) => content).join(" → "),
  );
/** What a task makes of the first row. */
const say = (task: TaskInput, row: unknown) => asked(read(task, [row]));
const line = (output: string) => ({ templates: [{ input: "{{x}}", output }] });

describe("openTask", () => {
  test("a row becomes a question and its answer", () => {
    expect(read(reviews, [{ text: "Fine {film}.", label: 1 }])).toEqual([
      {
        kind: "conversation",
        messages: [
          { role: "user", content: "Is this good?\n\nFine {film}.\n\n- negative\n- positive" },
          { role: "assistant", content: "positive" },
        ],
        phrasing: 0,
        origin: { file: "a.csv", row: 1 },
      },
    ]);
  });

  test("labels are positions in any type, or the choice's text", () => {
    for (const label of [0, 0n, "0", false, "negative"])
      expect(say(reviews, { text: "x", label })).toEqual([expect.stringMatching(/ → negative$/)]);
    const stars = { templates: [review], choices: ["1", "2", "3"], label: "stars" };
    const answers = [{ input: "{{x}}", output: "{{stars}} {{label}}" }];
    for (const label of [1, "1"])
      expect(say({ ...stars, templates: answers }, { x: "a", stars: label, label: "own" })).toEqual([
        "a → 2 own",
      ]);
  });

  test.each([2, -1, 1.5, "Positive", "2", "-0x1", {}, [1]])("label %j is unusable", (label) => {
    expect(say(reviews, { text: "x", label })).toEqual([
      expect.stringMatching(
        /^task\.templates\.0\.output: label: expected 0 to 1, or one of "negative", "positive"/,
      ),
    ]);
  });

  test("each row may have choices of its own: listed in a column, or written from columns", () => {
    const templates = [{ input: "{{q}}\n{{choices}}\n{{choices.1}}?", output: "{{label}}" }];
    const expected = ["why?\n- so\n- no\nno? → no"];
    expect(say({ templates, choices: "c.text" }, { q: "why?", c: { text: ["so", "no"] }, label: 1 })).toEqual(
      expected,
    );
    expect(
      say({ templates, choices: ["{{a}}", "{{b}}"] }, { q: "why?", a: "so", b: "no", label: 1 }),
    ).toEqual(expected);
    expect(say({ templates, choices: "c" }, { q: "why?", c: "so", label: 1 })).toEqual([
      expect.stringMatching(/choices: c: expected a list of answers/),
    ]);
  });

  test("without choices, label and choices are columns like any other", () => {
    expect(say(line("{{label}} {{choices}}"), { x: "a", label: 1, choices: ["p", 2, true] })).toEqual([
      "a → 1 p, 2, true",
    ]);
  });

  test("values: text as it is, numbers, booleans, lists with commas; nothing else", () => {
    const row = {
      x: "  a\n",
      n: -0.5,
      big: 12n,
      yes: true,
      list: ["p", 1],
      nested: { deep: [{ key: "k" }] },
      "a.b": "dotted",
    };
    expect(say(line("{{n}} {{big}} {{yes}} {{list}} {{nested.deep.0.key}} {{a.b}}"), row)).toEqual([
      "  a\n → -0.5 12 true p, 1 k dotted",
    ]);
    for (const value of [null, {}, [[1]], ["p", null]])
      expect(say(line("{{x}}{{v}}"), { x: "a", v: value })).toEqual([
        expect.stringMatching(/^task\.templates\.0\.output: \{\{v/),
      ]);
    expect(say(line("{{v}}"), { x: "a", v: " " })).toEqual(["task.templates.0.output: the text is empty"]);
  });

  test("braces in values are text", () => {
    expect(say(line("{{v}}"), { x: "{{v}} {% raw %}", v: "{{x}}" })).toEqual(["{{v}} {% raw %} → {{x}}"]);
    const choices = ["{{a}}", "no"];
    expect(say({ ...line("{{label}}"), choices }, { x: "q", a: "{{x}}", label: 0 })).toEqual(["q → {{x}}"]);
  });

  test("what objects inherit is no column", () => {
    for (const path of ["constructor", "__proto__", "x.length", "toString.name"])
      expect(() => say(line(`{{${path}}}`), { x: "a" })).toThrow(AttuneError);
  });

  test("a placeholder that no row has is an error naming template, placeholder and columns", () => {
    const rows = [
      { text: "a", label: 0 },
      { text: "b", label: 1 },
    ];
    const wrong = { ...reviews, templates: [review, { input: "{{txt}}", output: "{{label}}" }] };
    expect(() => read(wrong, rows)).toThrow(
      'a.csv: task.templates.1.input: none of the first 2 rows has the column "txt"; there are text, label',
    );
    expect(() => read({ ...reviews, label: "y" }, rows)).toThrow(/task\.label: .* "y"/);
    expect(() => read({ ...reviews, choices: "options" }, rows)).toThrow(/task\.choices: .* "options"/);
    expect(() => read({ ...reviews, inversions: [{ input: "{{label}}", output: "{{b}}" }] }, rows)).toThrow(
      /task\.inversions\.0\.output: .* "b"/,
    );
    expect(asked(read(line("{{v}}"), [{ x: "a" }, { x: "b", v: 1 }]))).toEqual([
      "task.templates.0.output: {{v}} has no value",
      "b → 1",
    ]);
  });

  test("rows that can't be read, or are no objects, are told of once", () => {
    const first = [...rowsOf([{ text: "a", label: 0 }, [1]]), { row: 3, problem: "broken JSON" }];
    const reader = openTask(
      schema.task.parse({ ...reviews, templates: [review, review], phrasings: "all" }),
      {
        file: "a.jsonl",
        first,
        seed: 1,
      },
    );
    expect(asked(first.flatMap(reader)).slice(2)).toEqual(["expected an object, got a list", "broken JSON"]);
  });

  test("a row blown up by its template is unusable, not the end of the run", () => {
    const task = { templates: [{ input: "{{x}}".repeat(70), output: "{{x}}" }] };
    expect(say(task, { x: "x".repeat(2 ** 20) })).toEqual([
      expect.stringMatching(/input: the filled text has 73400320/),
    ]);
  });
});

describe("phrasings", () => {
  const templates = ["A", "B", "C"].map((name) => ({ input: `${name} {{text}}`, output: "{{label}}" }));
  const inversions = [{ input: "Write something {{label}}.", output: "{{text}}" }];
  const task = { ...reviews, templates, inversions };
  const values = manyRows(2000).map((row) => "value" in row && row.value);

  test("all: each row in every phrasing, inversions last, and which is which can be told", () => {
    const examples = read({ ...task, phrasings: "all" }, [{ text: "x", label: 0 }]);
    expect(asked(examples)).toEqual([
      "A x → negative",
      "B x → negative",
      "C x → negative",
      "Write something negative. → x",
    ]);
    expect(examples.map((one) => one.kind === "conversation" && one.phrasing)).toEqual([0, 1, 2, 3]);
  });

  test("one: chosen by the seed, each about as often", () => {
    const phrasings = (seed: number) =>
      read(task, values, seed).map((one) => (one.kind === "conversation" ? one.phrasing! : -1));
    const counts = [0, 1, 2, 3].map((k) => phrasings(5).filter((one) => one === k).length);
    for (const count of counts) expect(Math.abs(count - 500)).toBeLessThan(100); // five standard deviations
    expect(phrasings(5)).toEqual(phrasings(5));
    expect(phrasings(5)).not.toEqual(phrasings(6));
  });

  test("directories don't matter, files' names do", () => {
    const first = manyRows(50);
    const of = (file: string) =>
      asked(first.flatMap(openTask(schema.task.parse(task), { file, first, seed: 1 })));
    expect(of("/home/a/reviews.csv")).toEqual(of("C:\\data\\reviews.csv"));
    expect(of("other.csv")).not.toEqual(of("reviews.csv"));
  });
});

describe("fewShot", () => {
  const task = { templates: [{ input: "Q {{text}}", output: "A {{label}}" }], fewShot: 2 };

  test("other rows come first, asked and answered", () => {
    const rows = [
      { text: "x", label: 0 },
      { text: "y", label: 1 },
      { text: "z", label: 2 },
    ];
    const [first] = read(task, rows) as Conversation[];
    const [xy, yx] = ["Q y\n\nA 1\n\nQ z\n\nA 2\n\nQ x", "Q z\n\nA 2\n\nQ y\n\nA 1\n\nQ x"];
    expect([xy, yx]).toContain(first!.messages[0]!.content);
    expect(first!.messages[1]).toEqual({ role: "assistant", content: "A 0" });
  });

  test("never the row itself, nor one that asks the same, nor two alike", () => {
    const rows = Array.from({ length: 60 }, (_, i) => ({ text: `t${i % 12}`, label: i }));
    for (const seed of [1, 2, 3])
      for (const example of read({ ...task, fewShot: 5 }, rows, seed)) {
        const questions = (example as Conversation).messages[0]!.content.split("\n\n").filter((part) =>
          part.startsWith("Q"),
        );
        expect(questions).toHaveLength(6);
        expect(new Set(questions).size).toBe(6);
      }
  });

  test("exemplars differ from row to row, with the seed, and cover the pool", () => {
    const values = manyRows(300).map((row) => "value" in row && row.value);
    const questions = (seed: number) =>
      asked(read(task, values, seed)).map((text) => text.split("\n\n").slice(0, 3).join());
    expect(new Set(questions(1)).size).toBeGreaterThan(290);
    expect(questions(1)).not.toEqual(questions(2));
    const shown = new Set(
      questions(1)
        .join()
        .match(/Q text \d+/g),
    );
    expect(shown.size).toBeGreaterThan(240); // of 300; 600 draws miss e^-2 of them, 41
  });

  test("rows that can't be exemplars are passed; too few is a reason", () => {
    const rows = [{ text: "x", label: 0 }, { text: "y" }, { text: "z", label: 2 }, 7];
    expect(asked(read(task, rows))[0]).toBe(
      "task.fewShot: expected 2 other questions among the first 4 rows, got 1",
    );
  });
});

describe("taskExamplesOf", () => {
  const task = schema.task.parse({
    ...reviews,
    templates: [review, { input: "{{text}}?", output: "{{label}}" }],
    fewShot: 3,
  });
  async function* stream(rows: DataRow[]) {
    yield* rows;
  }
  async function examplesOf(rows: DataRow[]) {
    const examples: (Conversation | UnusableRow)[] = [];
    for await (const example of taskExamplesOf(stream(rows), "a.csv", task, 7)) examples.push(example);
    return examples;
  }

  test("gives each row's examples in order, the same as any worker would", async () => {
    const rows = manyRows(2500);
    const examples = await examplesOf(rows);
    expect(examples.map(({ origin }) => origin.row)).toEqual(rows.map(({ row }) => row));
    const first = structuredClone(rows.slice(0, FIRST_ROWS));
    for (const start of [0, 990, 2400]) {
      const reader = openTask(structuredClone(task), { file: "a.csv", first, seed: 7 });
      expect(
        rows
          .slice(start, start + 50)
          .toReversed()
          .flatMap(reader)
          .toReversed(),
      ).toEqual(examples.slice(start, start + 50));
    }
    expect(await examplesOf([])).toEqual([]);
  });

  test("keeps few rows when they are long, and closes what it reads", async () => {
    const long = rowsOf(Array.from({ length: 9 }, () => ({ text: ["x".repeat(2 ** 23)], label: 0 })));
    expect(await firstRows(stream(long))).toHaveLength(2);
    let closed = false;
    async function* rows() {
      try {
        yield* manyRows(3000);
      } finally {
        closed = true;
      }
    }
    for await (const _ of taskExamplesOf(rows(), "a.csv", task, 7)) break;
    expect(closed).toBe(true);
  });
});
