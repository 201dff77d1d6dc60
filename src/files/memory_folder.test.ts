import { describe, expect, test } from "vitest";
import { type MemoryFiles, memoryFolder } from "./folder.ts";

const TEXT = '{ "π": 1 }'; // 11 bytes

const CONTENTS: [string, MemoryFiles[string]][] = [
  ["text", TEXT],
  ["bytes", new TextEncoder().encode(TEXT)],
  ["an ArrayBuffer", new TextEncoder().encode(TEXT).buffer],
  ["a Blob", new Blob([TEXT])],
];

describe.each(CONTENTS)("a file given as %s", (_, content) => {
  const folder = memoryFolder({ "a.json": content }, "model");

  test("is read as text", async () => {
    expect(await folder.text("a.json")).toBe(TEXT);
    expect(await folder.text("b.json")).toBeUndefined();
  });

  test("is refused before it is read when it is too large", async () => {
    expect(await folder.text("a.json", 11)).toBe(TEXT);
    await expect(folder.text("a.json", 10)).rejects.toMatchObject({
      code: "files.too-large",
      place: "model/a.json",
    });
  });

  test("is refused by its name when it is no safetensors file", async () => {
    await expect(folder.safetensors("a.json")).rejects.toThrow("model/a.json");
    expect(await folder.safetensors("b.json")).toBeUndefined();
  });
});
