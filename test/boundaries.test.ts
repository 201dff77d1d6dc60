import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What each room may import, in the order of the house: nothing below imports from above. */
const ALLOWED: Record<string, string[]> = {
  text: [],
  math: [],
  random: [],
  threads: ["text"],
  graph: ["text", "math"],
  runtime: ["text", "threads", "graph"],
  files: ["text", "math"],
  quantization: ["text", "math", "graph", "files"],
  models: ["text", "random", "graph", "files", "quantization"],
  adapters: ["text", "math", "random", "graph", "files", "models"],
  tokenizers: ["text"],
  templates: ["text", "tokenizers"],
  data: ["text", "random", "threads", "files", "tokenizers", "templates"],
  hub: ["text", "files"],
  pretrained: ["text", "files", "quantization", "models", "tokenizers", "templates", "hub"],
  training: [
    "text",
    "math",
    "random",
    "graph",
    "runtime",
    "files",
    "quantization",
    "models",
    "adapters",
    "data",
  ],
  evaluation: ["text", "random", "files", "tokenizers", "templates", "data"],
  report: ["text", "math", "training", "evaluation"],
  tracking: ["text", "files", "training"],
  generation: [
    ...["text", "random", "threads", "graph", "runtime", "files", "quantization", "models", "adapters"],
    ...["tokenizers", "templates", "pretrained"],
  ],
  export: [
    ...["text", "math", "random", "graph", "runtime", "files", "quantization", "models", "adapters"],
    ...["tokenizers", "templates", "hub", "pretrained", "generation"],
  ],
  mpi: ["text", "files", "training"],
  run: [
    ...["text", "random", "threads", "graph", "runtime", "files", "quantization", "models", "adapters"],
    ...[
      "data",
      "hub",
      "templates",
      "pretrained",
      "training",
      "evaluation",
      "report",
      "tracking",
      "generation",
      "export",
    ],
  ],
  server: [
    ...["text", "files", "tokenizers", "templates", "data", "pretrained", "training", "report", "generation"],
    "run",
  ],
};

/** The command line, the demo and the entries of the library stand on top. */
const TOP = ["cli", "demo", "index.ts", "browser.ts", "server.ts"];

/**
 * Which rooms may touch `node:`, whole or in these files: those that stand for a disk, threads or a terminal. All others
 * run in browsers, too; and of these, what `browser.ts` reaches.
 */
const NODE: Record<string, true | string[]> = {
  runtime: ["cuda.ts", "node.ts", "session_thread.ts", "session_worker.mjs", "telemetry.ts"],
  threads: true,
  files: true,
  quantization: ["codes_file.ts"],
  adapters: ["peft/adapter_directory.ts", "peft/find_adapter.ts"],
  data: [
    ...["data_files", "file_buffer", "gunzip", "open_data"].map((name) => `files/${name}.ts`),
    ...[
      "cache_key",
      "prepare",
      "sequence_file",
      "sequence_file_header",
      "tokenize_pool",
      "tokenize_rows",
    ].map((name) => `tokenize/${name}.ts`),
    ...["tokenize_worker.mjs", "tokenize_worker.ts", "write_sequence_file.ts"].map(
      (name) => `tokenize/${name}`,
    ),
  ],
  hub: true,
  generation: ["encode_worker.mjs", "encode_worker.ts", "prompt_thread.ts"],
  pretrained: ["base.ts", "model_directory.ts", "same_base.ts", "save_model_directory.ts"],
  export: true,
  evaluation: ["bounded.ts"],
  report: ["page.ts"],
  tracking: true,
  mpi: true,
  run: true,
  server: true,
  cli: true,
  demo: true,
};

interface Import {
  from: string;
  to: string;
  isType: boolean;
}

const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((path) => /\.(ts|mjs)$/.test(path))
  .filter((path) => !/\.test\.ts$|(^|\/)testing\//.test(path));
const read = (path: string) => readFileSync(join(root, "src", path), "utf8");
const imports = sources.flatMap(importsOf);
const touchesNode = (path: string) => /["']node:/.test(read(path));
const roomOf = (path: string) => path.split("/")[0]!;

function importsOf(from: string): Import[] {
  const statement = /\b(import|export)\s+(type\s)?[^"';]*?from\s*"(\.[^"]+)"|\bimport\s*\(?\s*"(\.[^"]+)"/g;
  return [...read(from).matchAll(statement)].map(([, , type, path, bare]) => ({
    from,
    to: normalize(join(dirname(from), path ?? bare!)),
    isType: type !== undefined,
  }));
}

describe("rooms", () => {
  test("the table's own order has no arrow upwards", () => {
    const order = Object.keys(ALLOWED);
    for (const [i, room] of order.entries())
      for (const other of ALLOWED[room]!) expect(order.indexOf(other), `${room} → ${other}`).toBeLessThan(i);
  });

  test("every room stands in the table", () => {
    const rooms = new Set(sources.map(roomOf).filter((room) => !TOP.includes(room) && room !== "testing"));
    expect([...rooms].sort()).toEqual(Object.keys(ALLOWED).sort());
  });

  test("imports go along the allowed arrows", () => {
    const wrong = imports
      .filter(
        ({ from, to }) => roomOf(from) !== roomOf(to) && !TOP.includes(roomOf(from)) && !to.startsWith(".."),
      )
      .filter(({ from, to }) => !ALLOWED[roomOf(from)]?.includes(roomOf(to)))
      .map(({ from, to }) => `${from} → ${to}`);
    expect(wrong).toEqual([]);
  });

  test("only those that may touch node: do", () => {
    const mayNot = (path: string) => {
      const allowed = NODE[roomOf(path)] ?? [];
      return allowed !== true && !allowed.includes(path.slice(roomOf(path).length + 1));
    };
    expect(sources.filter(touchesNode).filter(mayNot)).toEqual([]);
  });

  test("what attune/browser reaches touches no node:, however it gets there", () => {
    const reached = new Set(["browser.ts"]);
    for (const file of reached)
      for (const { from, to, isType } of imports) if (from === file && !isType) reached.add(to);
    expect(reached.size).toBeGreaterThan(300);
    expect([...reached].filter(touchesNode)).toEqual([]);
  });

  test("only the runtime knows ONNX Runtime", () => {
    const knowing = sources.filter((path) => /["']onnxruntime-(node|web|common)/.test(read(path)));
    expect(knowing.filter((path) => roomOf(path) !== "runtime")).toEqual([]);
  });
});

test("no circle of files", () => {
  const next = new Map<string, string[]>();
  for (const { from, to, isType } of imports) if (!isType) next.set(from, [...(next.get(from) ?? []), to]);
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    if (path.includes(file)) throw new Error([...path.slice(path.indexOf(file)), file].join(" → "));
    if (done.has(file)) return;
    for (const other of next.get(file) ?? []) visit(other, [...path, file]);
    done.add(file);
  };
  for (const file of next.keys()) visit(file, []);
});
