import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { openQuestions } from "./ask.ts";

function terminal() {
  const [input, output] = [new PassThrough(), new PassThrough()];
  let shown = "";
  output.on("data", (chunk) => {
    shown += chunk;
  });
  return { input, questions: openQuestions({ input, output }), shown: () => shown };
}

test("an answer, an empty one, and one with white space around it", async () => {
  const { input, questions, shown } = terminal();
  const first = questions.ask("Which model?", "demo");
  input.write("\n");
  expect(await first).toBe("demo");
  const second = questions.ask("Which preset?", "balanced");
  input.write("  quick \n");
  expect(await second).toBe("quick");
  expect(shown()).toBe("Which model? [demo] Which preset? [balanced] ");
  questions.close();
});

test("who leaves is told that nothing is written", async () => {
  const { input, questions } = terminal();
  const asked = questions.ask("Which model?", "demo");
  input.end();
  await expect(asked).rejects.toMatchObject({ code: "cli.questions-ended" });
});
