/** A name that one file exports means one thing: no other file exports it for something else. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../src", import.meta.url));
const sources = readdirSync(root, { recursive: true, encoding: "utf8" }).filter(
  (path) => path.endsWith(".ts") && !path.endsWith(".test.ts") && !/(^|\/)testing\//.test(path),
);

/** Languages of their own, whose words are those of Jinja, of regular expressions, of a list of ops. */
const APART = ["templates/jinja/", "tokenizers/patterns/"];

/** Two files in which the same names mean the same thing, each for its own place. */
const TWINS: readonly [string, string][] = [
  ["runtime/node.ts", "runtime/web.ts"], // one interface, two platforms
  ["browser.ts", ""], // Node's functions without a disk
  ["export/gguf/architectures/", "models/families/"], // both are named after model_type
  ["adapters/settings.ts", "export/gguf/gguf_header.ts"], // `flag`, a kind of value
];

/** Exported names, each with the files that declare it. */
const declared = new Map<string, string[]>();
for (const path of sources.filter((path) => !APART.some((folder) => path.startsWith(folder))))
  for (const [, name] of readFileSync(join(root, path), "utf8").matchAll(
    /^export (?:declare )?(?:async )?(?:const|let|function\*?|interface|type|class) (\w+)/gm,
  )) {
    const files = declared.get(name!) ?? [];
    if (!files.includes(path)) declared.set(name!, [...files, path]);
  }

const areTwins = (files: readonly string[]) =>
  files.length === 2 &&
  TWINS.some(([one, other]) =>
    [files, files.toReversed()].some(([a, b]) => a!.startsWith(one) && b!.startsWith(other)),
  );

test("no name is exported for two things", () => {
  expect(declared.size).toBeGreaterThan(1000);
  const twice = [...declared].filter(([, files]) => files.length > 1 && !areTwins(files));
  expect(twice).toEqual([]);
});
