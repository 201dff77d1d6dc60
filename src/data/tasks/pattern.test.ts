import { describe, expect, test } from "vitest";
import { AttuneError } from "../../text/errors.ts";
import { FILLED_LIMIT, fillPattern, joinTexts, parsePlaceholders, pathsOf } from "./pattern.ts";

const fill = (text: string, values: Record<string, string> = {}) =>
  fillPattern(parsePlaceholders(text), (path) => values[path] ?? `<${path}>`);

describe("patterns", () => {
  test("columns, paths, spaces and other scripts", () => {
    expect(fill("a {{x}} b {{ answers.text.0 }} {{the text}}{{标签}}")).toBe(
      "a <x> b <answers.text.0> <the text><标签>",
    );
    expect(pathsOf(parsePlaceholders("{{x}} and {{ y.z }}"))).toEqual(["x", "y.z"]);
    expect(fill("")).toBe("");
  });

  test("single braces are braces, quoted text stands for itself", () => {
    expect(fill('{ "a": {{x}}, "b": {} }')).toBe('{ "a": <x>, "b": {} }');
    expect(fill("{{{x}}}")).toBe("{<x>}");
    expect(fill(`{{"{{"}}x}} {{ '{%' }} {{'"'}}`)).toBe('{{x}} {% "');
  });

  test("values that look like placeholders or replacement marks are text", () => {
    expect(fill("{{x}} {{y}}", { x: "{{y}} $& $1", y: "{{x}}" })).toBe("{{y}} $& $1 {{x}}");
  });

  test.each(["{{ text | trim }}", "{{text", "{% if x %}a{% endif %}", "{{}}", "{{ }}", '{{"a}}', "{{a{b}}"])(
    "%j is an error",
    (text) => {
      expect(() => parsePlaceholders(text)).toThrow(AttuneError);
    },
  );

  test("a hostile pattern takes no time", () => {
    for (const text of [
      "{{".repeat(50_000),
      `{{${" ".repeat(99_990)}`,
      '{{"'.repeat(30_000),
      "{{ '".repeat(25_000),
    ]) {
      const started = performance.now();
      expect(() => parsePlaceholders(text)).toThrow(AttuneError);
      expect(performance.now() - started).toBeLessThan(1000);
    }
  });

  test("a text that gets too long is an error before it is made", () => {
    const mebibyte = "x".repeat(2 ** 20);
    expect(joinTexts(Array(3).fill(mebibyte))).toHaveLength(3 * 2 ** 20);
    expect(() => joinTexts(Array(FILLED_LIMIT / 2 ** 20 + 1).fill(mebibyte))).toThrow(
      /characters, more than/,
    );
  });
});
