/** The guide's sample outputs are what the program prints. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../src/cli/testing/run_cli.ts";

const repository = fileURLToPath(new URL("..", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "attune-samples-"));
afterAll(() => rmSync(home, { recursive: true }));

/** Of the page's blocks without a language, the one that begins with `first`. */
function sample(page: string, first: string): string[] {
  const text = readFileSync(join(repository, page), "utf8");
  const fenced = Array.from(text.matchAll(/^```(\w*)\n(.*?)^```$/gms));
  const blocks = fenced.flatMap(([, language, block]) => (language ? [] : [block!.trimEnd().split("\n")]));
  return (
    blocks.find(([line]) => line!.startsWith(first)) ?? [`${page} has no block that begins with ${first}`]
  );
}

/** Three rows that can't be used or learned from, and a copy. */
const BAD_ROWS = `{"instruction": "Name a colour.", "output": "Red."}
{"instruction": "Name a fruit."}
{"instruction": "Name a tree.", "output": ""}
not json
{"instruction": "Name a colour.", "output": "Red."}
`;

/** Lines of each command, with the places of this run as the guide has them. */
const printed = { header: [""], preview: [""], check: [""] };

async function linesOf(...words: string[]): Promise<string[]> {
  const { stdout, stderr } = await runCli(...words);
  const here = [join(home, "run"), `${home}/`, repository];
  return here
    .reduce((text, path, i) => text.replaceAll(path, ["runs/alpaca", "bad/", ""][i]!), stdout + stderr)
    .split("\n");
}

beforeAll(async () => {
  writeFileSync(join(home, "a.jsonl"), BAD_ROWS);
  const recipe = { model: join(repository, "demo/base"), template: "chat", adapter: { type: "lora" } };
  const data = [{ path: join(home, "a.jsonl") }];
  writeFileSync(join(home, "r.json"), JSON.stringify({ ...recipe, data, output: join(home, "out") }));
  const example = (name: string) => join(repository, "examples", name);
  const own = [`model=${join(repository, "demo/base")}`, `output=${join(home, "run")}`];
  [printed.header, printed.preview, printed.check] = await Promise.all([
    linesOf("train", example("alpaca.yaml"), ...own.flatMap((setting) => ["--set", setting])),
    linesOf("data", "preview", example("task.yaml")),
    linesOf("data", "check", join(home, "r.json")),
  ]);
}, 120_000);

describe.each(["docs/guide.md", "docs/guide.zh-CN.md"])("%s", (page) => {
  test("what train prints before its first step", () => {
    expect(sample(page, "model ")).toEqual(printed.header.slice(0, printed.header.indexOf("")));
  });

  test("the first row of a preview", () => {
    const row = sample(page, "examples/data/reviews.csv");
    expect(row).toEqual(printed.preview.slice(0, row.length));
  });

  test("what check finds, in a shortened report", () => {
    const lines = sample(page, "rows ");
    expect(printed.check.filter((line) => lines.includes(line)).filter(Boolean)).toEqual(
      lines.filter(Boolean),
    );
  });
});
