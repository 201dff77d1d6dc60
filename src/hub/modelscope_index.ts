/**
 * `.msc`, the list of cached files that modelscope keeps in each directory: a Python pickle of
 * [{"Path": …, "Revision": …}, …]. Source: modelscope hub/utils/caching.py; opcodes: CPython Lib/pickletools.py.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../files/atomic.ts";

/** From each file's path to the commit that it is of. */
export type ModelScopeIndex = Map<string, string>;

const NAME = ".msc";
const LIMIT = 64 * 2 ** 20; // bytes

/** Empty when there is none, or none that can be read: then files count by their checksums. */
export async function readModelScopeIndex(directory: string): Promise<ModelScopeIndex> {
  try {
    const bytes = await readFile(join(directory, NAME));
    return indexOf(bytes.length > LIMIT ? [] : unpickle(bytes));
  } catch {
    return new Map();
  }
}

export async function writeModelScopeIndex(directory: string, index: ModelScopeIndex): Promise<void> {
  await writeFileAtomic(join(directory, NAME), pickle(index));
}

function indexOf(value: unknown): ModelScopeIndex {
  const entries = Array.isArray(value) ? value.filter((entry) => entry instanceof Map) : [];
  return new Map(entries.map((entry) => [String(entry.get("Path")), String(entry.get("Revision"))]));
}

/** Protocol 2: EMPTY_LIST, MARK, dictionaries of BINUNICODE strings, APPENDS, STOP. */
function pickle(index: ModelScopeIndex): Buffer {
  const entries = [...index].map(([path, revision]) =>
    Buffer.concat([op("}("), text("Path"), text(path), text("Revision"), text(revision), op("u")]),
  );
  return Buffer.concat([Buffer.from([0x80, 2]), op("]("), ...entries, op("e.")]);
}

const op = (codes: string) => Buffer.from(codes, "latin1");

function text(value: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(Buffer.byteLength(value));
  return Buffer.concat([op("X"), length, Buffer.from(value)]);
}

const MARK = Symbol("mark");

/** Lists, dictionaries (as Maps) and strings only: a pickle that calls anything is refused, never run. */
function unpickle(bytes: Buffer): unknown {
  const stack: unknown[] = [];
  const memo: unknown[] = [];
  let at = 0;
  const read = (count: number) => {
    at += count;
    return bytes.subarray(at - count, at);
  };
  const string = (length: number) => stack.push(read(length).toString("utf8"));
  const sinceMark = () => stack.splice(stack.lastIndexOf(MARK)).slice(1);
  while (at < bytes.length) {
    const code = String.fromCharCode(bytes[at++]!);
    if (code === ".") return stack.pop();
    else if (code === "\x80") read(1);
    else if (code === "\x95") read(8);
    else if (code === "]") stack.push([]);
    else if (code === "}") stack.push(new Map());
    else if (code === "(") stack.push(MARK);
    else if (code === "X") string(read(4).readUInt32LE());
    else if (code === "\x8c") string(read(1).readUInt8());
    else if (code === "\x94") memo.push(stack.at(-1));
    else if (code === "q") memo[read(1).readUInt8()] = stack.at(-1);
    else if (code === "h") stack.push(memo[read(1).readUInt8()]);
    else if (code === "r") memo[read(4).readUInt32LE()] = stack.at(-1);
    else if (code === "j") stack.push(memo[read(4).readUInt32LE()]);
    else if (code === "u") setItems(sinceMark(), stack.at(-1));
    else if (code === "s") setItems(stack.splice(-2), stack.at(-1));
    else if (code === "e") append(sinceMark(), stack.at(-1));
    else if (code === "a") append(stack.splice(-1), stack.at(-1));
    else throw new Error(`pickle opcode ${JSON.stringify(code)}`);
  }
  throw new Error("a pickle without an end");
}

function setItems(items: unknown[], map: unknown): void {
  for (let i = 0; i < items.length; i += 2) (map as Map<unknown, unknown>).set(items[i], items[i + 1]);
}

const append = (items: unknown[], list: unknown) => (list as unknown[]).push(...items);
