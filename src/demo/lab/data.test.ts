import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { cutText, writeChineseData, writeOnce, writeSeedData } from "./data.ts";
import { MANY_TASKS, NEVER_TRAINED, ROWS, SINGLE_TASK } from "./settings.ts";

const at = temporaryDirectory();
const tasksIn = (path: string) =>
  new Set((JSON.parse(readFileSync(path, "utf8")) as { task: string }[]).map(({ task }) => task));
const linesOf = (path: string) => readFileSync(path, "utf8").trim().split("\n");

test("kinds that are never trained are asked, and in no training file", async () => {
  const data = await writeSeedData(at("seed"), 2);
  expect([...tasksIn(data.single)]).toEqual([SINGLE_TASK]);
  expect([...tasksIn(data.many)]).toEqual([...MANY_TASKS]);
  expect(tasksIn(data.questions)).toEqual(new Set([...MANY_TASKS, ...NEVER_TRAINED]));
  expect(tasksIn(data.unseen)).toEqual(tasksIn(data.questions));
  expect(linesOf(data.old)).toHaveLength(ROWS.oldDocuments);
  await writeSeedData(at("seed"), 2); // again: the same, so nothing is refused
  await expect(writeSeedData(at("seed"), 3)).rejects.toMatchObject({ code: "demo.other-lab" });
});

test("Chinese text is cut into parts that fit a row, and one text in ten is held out", async () => {
  writeFileSync(
    at("zh.json"),
    JSON.stringify(
      Array.from({ length: 20 }, (_, i) => ({ text: `${i}`.padStart(2, "0") + "字".repeat(200) })),
    ),
  );
  const { learned, heldOut } = await writeChineseData(at("out"), at("zh.json"));
  expect(linesOf(heldOut)).toHaveLength(4);
  expect(linesOf(heldOut)[0]).toContain('"09字');
  expect(linesOf(learned)).toHaveLength(36);
  expect(linesOf(learned).join("\n")).not.toContain("09字");
  expect(cutText("一二三".repeat(50), ROWS.chineseCharacters)).toHaveLength(1);
  expect(cutText("字".repeat(170), ROWS.chineseCharacters).map((part) => part.length)).toEqual([160]);
});

test("too few Chinese texts are refused", async () => {
  writeFileSync(at("zh.json"), JSON.stringify([{ text: "字".repeat(30) }]));
  await expect(writeChineseData(at("out"), at("zh.json"))).rejects.toMatchObject({
    code: "demo.too-few-texts",
  });
});

test("what is there already has to be the same", async () => {
  await writeOnce(at("file"), "a");
  await writeOnce(at("file"), "a");
  await expect(writeOnce(at("file"), "b")).rejects.toMatchObject({ code: "demo.other-lab" });
});
