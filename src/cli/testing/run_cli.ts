/** Runs the real command line in a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
const main = fileURLToPath(new URL("../main.ts", import.meta.url));

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunningCli {
  process: ChildProcess;
  /** Resolves once the output so far matches. */
  printed(pattern: RegExp): Promise<void>;
  ended: Promise<Ended>;
}

/** `attune ...words`; what is given as `input` comes from a pipe. */
export function startCli(words: readonly string[], input = ""): RunningCli {
  return startNode([main, ...words], input);
}

/** A TypeScript program in Node, with its arguments; `own` changes the environment. */
export function startNode(words: readonly string[], input = "", own: NodeJS.ProcessEnv = {}): RunningCli {
  const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined, ...own };
  const child = spawn(process.execPath, ["--import", tsx, ...words], { env });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text) => {
      output[name] += text;
    });
  child.stdin.on("error", () => {}).end(input);
  return {
    process: child,
    printed: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => pattern.test(output.stdout) && resolve();
        child.stdout.on("data", look);
        child.on("close", () => reject(new Error(`${pattern} was never printed: ${JSON.stringify(output)}`)));
        look();
      }),
    ended: new Promise((resolve) => child.on("close", (code) => resolve({ code, ...output }))),
  };
}

export const runCli = (...words: string[]): Promise<Ended> => startCli(words).ended;
