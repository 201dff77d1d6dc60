/** Runs a piece of TypeScript in a Node process of its own, for tests that limit or kill it. */
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { programFile, typeScript } from "../../testing/programs.ts";

const room = fileURLToPath(new URL("..", import.meta.url));

/**
 * `source` may import "attune", as its users do, and this room's files as "#atomic.ts". With `fileLimit`, no file can
 * grow beyond that many KiB: the system refuses as it does when the disk is full.
 */
export function startChild(directory: string, source: string, fileLimit?: number): ChildProcess {
  const script = join(directory, "child.mts");
  const library = pathToFileURL(programFile("index")).href;
  writeFileSync(script, source.replaceAll('"#', `"${room}`).replaceAll('from "attune"', `from "${library}"`));
  const node = ["exec", JSON.stringify(process.execPath), ...typeScript, JSON.stringify(script)].join(" ");
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
