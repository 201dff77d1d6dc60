import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { COMMANDS } from "./command_list.ts";
import { createProgram, defineAll } from "./program.ts";

/** What goes to stdout or stderr; parsing ends with an error instead of the process. */
function capture(command: Command): () => string {
  let text = "";
  const add = (part: string) => {
    text += part;
  };
  for (const each of [command, ...command.commands])
    each.exitOverride().configureOutput({ writeOut: add, writeErr: add });
  return () => text;
}

async function said(...words: string[]): Promise<string> {
  const program = createProgram();
  const text = capture(program);
  await program.parseAsync(words, { from: "user" }).catch(() => {});
  return text();
}

describe("help", () => {
  const names = Object.keys(COMMANDS);

  test.each(names)("attune %s --help shows examples, each with known options", async (name) => {
    const help = await said(name, "--help");
    const { commands } = await defineAll(createProgram());
    const command = commands.find((each) => each.name() === name)!;
    const known = command.options.flatMap(({ short, long }) => [short, long]);
    const [, examples] = help.split("\nExamples:\n");
    const lines = examples!.split("\n").filter((line) => line.includes(`attune ${name}`));
    expect(lines.length).toBeGreaterThan(0);
    for (const option of lines.flatMap(
      (line) => line.split(`attune ${name}`)[1]!.match(/(?<= )--?[a-z-]+/g) ?? [],
    ))
      expect([...known, "-"], option).toContain(option);
  });

  test.each(names)("attune help %s shows the same", async (name) => {
    expect(await said("help", name)).toBe(await said(name, "--help"));
  });

  test("attune --help names every command and shows examples", async () => {
    const help = await said("--help");
    for (const name of names) expect(help).toMatch(new RegExp(`^  ${name} .*\\w`, "m"));
    expect(help).toContain("Examples:");
    expect(await said("help")).toBe(help);
  });
});

describe("mistakes", () => {
  test.each([
    ["an unknown command", ["trian"], "Did you mean train?"],
    ["help on an unknown command", ["help", "trian"], "Did you mean train?"],
    ["an unknown option", ["train", "x.yaml", "--devise", "cpu"], "Did you mean --device?"],
    ["no model", ["chat"], "missing argument 'run', or option '-m, --model <dir>'"],
    ["no number", ["train", "x.yaml", "--threads", "two"], "Expected a number of at least 1."],
    ["no JSON", ["chat", "x", "--chat-template-kwargs", "thinking=no"], "Expected a JSON object"],
    ["half a token", ["chat", "-m", "x", "--max-tokens", "1.5"], "Expected a whole number."],
    ["a probability of 2", ["chat", "-m", "x", "--top-p", "2"], "Expected a number from 0 to 1."],
    ["an unknown device", ["train", "x.yaml", "--device", "tpu"], "Allowed choices are cpu"],
  ])("%s is told, with the way to help", async (_, words, message) => {
    const text = await said(...words);
    expect(text).toContain(message);
    expect(text).toMatch(/--help shows examples\)/);
  });
});
