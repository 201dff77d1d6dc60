/** Runs a piece of TypeScript in a Node process of its own, for tests that limit or kill it. */
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
const room = fileURLToPath(new URL("..", import.meta.url));

/**
 * `source` may import this room's files as "#atomic.ts". With `fileLimit`, no file can grow beyond that many KiB:
 * the system refuses as it does when the disk is full.
 */
export function startChild(directory: string, source: string, fileLimit?: number): ChildProcess {
  const script = join(directory, "child.mts");
  writeFileSync(script, source.replaceAll('"#', `"${room}`));
  const node = `exec ${JSON.stringify(process.execPath)} --import ${tsx} ${JSON.stringify(script)}`;
  const limit = fileLimit === undefined ? "" : `ulimit -f ${fileLimit}; `;
  const env = { ...process.env, TSX_DISABLE_CACHE: "1" };
  return spawn("bash", ["-c", limit + node], { env, stdio: ["ignore", "pipe", "inherit"] });
}

/** What a child prints until it ends. */
export async function outputOf(child: ChildProcess): Promise<string> {
  let output = "";
  for await (const chunk of child.stdout!) output += chunk;
  return output;
}
