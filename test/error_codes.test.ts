/** Codes of errors are for programs: each stands for one problem, and says which room it comes from. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../src", import.meta.url));
const entries = readdirSync(root, { withFileTypes: true });
const rooms = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
const sources = readdirSync(root, { recursive: true, encoding: "utf8" }).filter(
  (path) => path.endsWith(".ts") && !path.endsWith(".test.ts") && !/(^|\/)testing\//.test(path),
);

/** Codes that several files give: the problem is one, and has several places. */
const SHARED: Record<string, string> = {
  "adapters.contradiction": "each kind checks its own settings",
  "adapters.does-not-fit": "each kind compares its own tensors with the base",
  "adapters.no-match": "several settings name modules",
  "adapters.not-a-directory": "a path and a folder are checked",
  "adapters.not-finite": "values are read and computed",
  "data.missing-column": "columns are named by the recipe and by templates",
  "data.no-answer": "each format looks for its answer",
  "data.unsupported-key": "rows and their turns have keys",
  "data.unusable-row": "the first row that fits no format, or all that are left out",
  "evaluation.ifeval-argument": "arguments are read, and words are looked for",
  "evaluation.slow-pattern": "patterns of IFEval, and of recipes",
  "export.check-failed": "each format is checked in its own way",
  "export.not-finite": "differences and merges are computed",
  "export.other-logits": "merges and ONNX files are compared by other bounds",
  "export.unsupported-dtype": "adapters are merged and taken out",
  "export.uneven-blocks": "K-quants have larger blocks than attune's own types",
  "export.unknown-architecture": "each format has its own list",
  "files.too-large": "files are read from a disk and from memory",
  "hub.card-too-large": "the card's file and its metadata have limits",
  "hub.endless-listing": "each hub has its own listing",
  "hub.not-cached": "each hub has its own cache",
  "hub.other-size": "a download's size is checked while it comes and on the disk",
  "hub.wrong-name": "what is pushed needs an owner",
  "hub.refused": "each hub refuses in its own form",
  "quantization.config": "each method's settings are read where its files are",
  "quantization.not-finite": "each form of codes is checked where it is made",
  "run.foreign-checkpoint": "checkpoints are on a disk or in memory",
  "run.origin-changed": "checkpoints are on a disk or in memory",
  "runtime.op-not-on-device": "the runtime says that there is one, the graph which",
  "templates.no-end-of-turn": "known templates are checked before a row is rendered",
  "tokenizers.large-vocabulary": "each kind of model bounds its vocabulary",
  "tokenizers.unreadable-model": "the file or its model section is broken",
};

/** Objects with a `code` that are no faults: an issue of zod's, an error of Node's. */
const FOREIGN = ["custom", "ENOTDIR"];

interface Use {
  code: string;
  file: string;
}

/** A fault's `code`, and what looks like one where it is handed on by name. */
const uses: Use[] = sources.flatMap((file) => {
  const found: Use[] = [];
  const visit = (node: ts.Node): void => {
    const isFault = ts.isStringLiteral(node) && !ts.isBinaryExpression(node.parent); // a comparison asks for one
    if (isFault && (isCode(node) || looksLikeCode(node.text))) found.push({ code: node.text, file });
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, readFileSync(join(root, file), "utf8"), ts.ScriptTarget.Latest, true));
  return found.filter(({ code }) => !FOREIGN.includes(code));
});

function isCode({ parent }: ts.StringLiteral): boolean {
  return ts.isPropertyAssignment(parent) && parent.name.getText() === "code";
}

function looksLikeCode(text: string): boolean {
  return /^[a-z]+\.[a-z]+(-[a-z]+)+$/.test(text) && rooms.includes(text.split(".")[0]!);
}

const codes = [...new Set(uses.map(({ code }) => code))];
const filesOf = (code: string) => [
  ...new Set(uses.filter((use) => use.code === code).map(({ file }) => file)),
];

test("a code is its room and what is wrong", () => {
  expect(codes.length).toBeGreaterThan(250);
  expect(codes.filter((code) => !/^[a-z]+\.[a-z0-9]+(-[a-z0-9]+)*$/.test(code))).toEqual([]);
  const elsewhere = uses.filter(({ code, file }) => code.split(".")[0] !== file.split("/")[0]);
  expect(elsewhere).toEqual([]);
});

test("two files share a code for a reason only", () => {
  expect(codes.filter((code) => filesOf(code).length > 1).sort()).toEqual(Object.keys(SHARED).sort());
});
