import { describe, expect, test, vi } from "vitest";
import { chatCommands, parseLine } from "./chat_commands.ts";

describe("a line", () => {
  test.each([
    ["/reset", "reset", ""],
    ["  /adapter  mine ", "adapter", "mine"],
    ["/Foo bar baz", "Foo", "bar baz"],
    ["/etc", "etc", ""],
  ])("%j is a command", (text, command, argument) => {
    expect(parseLine(text)).toEqual({ command, argument });
  });

  test.each([
    ["hello /reset", "hello /reset"],
    ["//reset", "/reset"],
    [" //etc is a directory", "/etc is a directory"],
    ["/etc/hosts holds what?", "/etc/hosts holds what?"],
    ["/ 2", "/ 2"],
    ["/2", "/2"],
    ["/reset\nand more", "/reset\nand more"],
    ["// a comment\ncode", "// a comment\ncode"],
    ["  kept  ", "  kept  "],
  ])("%j is a message", (text, message) => {
    expect(parseLine(text)).toEqual({ message });
  });
});

describe("commands", () => {
  const talker = { answer: vi.fn(), interrupt: vi.fn(), reset: vi.fn() };
  const use = vi.fn();
  const run = chatCommands(talker, { names: ["mine", "base"], use });

  test("do what they say", () => {
    expect(run("reset", "")).toEqual({ text: "a new conversation" });
    expect(talker.reset).toHaveBeenCalledTimes(1);
    expect(run("adapter", "base")).toEqual({ text: "base answers from now on" });
    expect(use).toHaveBeenCalledExactlyOnceWith("base");
    expect(run("quit", "")).toEqual({ leave: true });
    expect(run("exit", "")).toEqual({ leave: true });
    expect(run("help", "").text).toMatch(/^\/reset .*\n\/adapter +choose who answers: mine, base\n\/quit/);
  });

  test("that are none are named, with those there are and how to say it", () => {
    expect(run("foo", "bar")).toEqual({
      failed: true,
      text: expect.stringMatching(/^there is no \/foo; to say it, write \/\/foo\n\/reset .*\n\/adapter /),
    });
    expect(run("constructor", "")).toMatchObject({ failed: true });
    expect(run("adapter", "other")).toEqual({ failed: true, text: "/adapter NAME: one of mine, base" });
  });
});
