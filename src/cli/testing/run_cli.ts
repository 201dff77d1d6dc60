/** Runs the real command line in a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { programWords, typeScript } from "../../testing/programs.ts";

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

/** `attune ...words`, as built for the tests where it is; `input` comes from a pipe, `own` changes the environment. */
export const startCli = (words: readonly string[], input = "", own: NodeJS.ProcessEnv = {}): RunningCli =>
  start([...programWords("cli"), ...words], input, own);

/** A TypeScript program in Node, with its arguments. */
export const startNode = (words: readonly string[], input = "", own: NodeJS.ProcessEnv = {}): RunningCli =>
  start([...typeScript, ...words], input, own);

function start(words: readonly string[], input: string, own: NodeJS.ProcessEnv): RunningCli {
  const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined, ...own };
  const child = spawn(process.execPath, words, { env });
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
