import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Draw } from "./draw.ts";
import { mutateBytes } from "./mutate_bytes.ts";
import { mutateJson } from "./mutate_json.ts";
import { mutateText } from "./mutate_text.ts";

/** Files by their path inside the input's directory. */
export type Input = Map<string, Uint8Array>;

/** A part of the program that reads what others write. */
export interface Target {
  name: string;
  /** Inputs that are right, from which others are made. */
  valid(): Promise<Input[]>;
  /** Changes an input in its own way; undefined where the general ways have to do. */
  mutate?(draw: Draw, input: Input): Input | undefined;
  /** Files that stay as they are. */
  keeps?(path: string): boolean;
  /** Words of the language of its text files. */
  words?: readonly string[];
  /** Reads the input that lies in `directory`. Throws an AttuneError, or nothing. */
  read(directory: string, draw: Draw): Promise<void>;
}

const JSON_FILE = /\.json$/;
const LINES_FILE = /\.jsonl$/;
const TEXT_FILE = /\.(txt|md|csv|tsv|ya?ml|jinja)$/;

/** An input that is wrong somewhere, most likely. */
export function makeInput(target: Target, valid: readonly Input[], draw: Draw): Input {
  let input = new Map(draw.pick(valid));
  const changes = 1 + draw.below(draw.pick([1, 2, 4]));
  for (let i = 0; i < changes; i++) {
    const own = target.mutate && draw.chance(0.6) ? target.mutate(draw, input) : undefined;
    input = own ?? mutateFile(target, draw, input);
  }
  return input;
}

function mutateFile(target: Target, draw: Draw, input: Input): Input {
  const paths = [...input.keys()].filter((path) => !target.keeps?.(path));
  if (paths.length === 0) return input;
  const path = draw.pick(paths);
  const changed = new Map(input);
  if (paths.length > 1 && draw.chance(0.03)) changed.delete(path);
  else changed.set(path, mutateContent(draw, path, input.get(path)!, target.words));
  return changed;
}

function mutateContent(draw: Draw, path: string, content: Uint8Array, words?: readonly string[]): Uint8Array {
  if (draw.chance(0.15)) return mutateBytes(draw, content);
  const text = () => Buffer.from(content).toString("utf8");
  if (JSON_FILE.test(path)) return Buffer.from(mutateJson(draw, text()));
  if (LINES_FILE.test(path)) return Buffer.from(mutateLine(draw, text()));
  return TEXT_FILE.test(path) ? Buffer.from(mutateText(draw, text(), words)) : mutateBytes(draw, content);
}

function mutateLine(draw: Draw, text: string): string {
  const lines = text.split("\n");
  const i = draw.below(lines.length);
  lines[i] = mutateJson(draw, lines[i]!);
  return lines.join("\n");
}

export function writeInput(directory: string, input: Input): void {
  for (const [path, content] of input) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
}
