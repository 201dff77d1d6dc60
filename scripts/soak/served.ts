/** `attune serve` in a process of its own, on the demo's model with random adapters. */
import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type RandomLora, writeRandomLora } from "../../src/testing/random_lora.ts";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const BASE = path("demo/base");

const ADAPTERS: Readonly<Record<string, RandomLora>> = {
  one: { seed: 1, r: 8, alpha: 4 },
  two: { seed: 2, r: 4, alpha: 4, targetModules: ["q_proj", "v_proj", "down_proj"] },
  three: { seed: 3, r: 12, alpha: 2, useRslora: true },
};

export interface Served {
  process: ChildProcess;
  url: string;
  /** The base, and the adapters on it. */
  models: string[];
  /** Directories of adapters, by name. */
  adapters: Readonly<Record<string, string>>;
  /** Where the probe writes. */
  samples: string;
  /** What it has printed as errors. */
  errors(): string;
  /** Ends it as Ctrl-C does; its exit code. */
  stop(): Promise<number | null>;
}

/** @param home an empty directory */
export async function startServer(home: string): Promise<Served> {
  const adapters: Record<string, string> = {};
  for (const [name, wanted] of Object.entries(ADAPTERS))
    adapters[name] = await writeRandomLora(BASE, join(home, name), wanted);
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
  const probe = pathToFileURL(path("scripts/soak/probe.mjs")).href;
  const words = ["--import", tsx, "--import", probe, path("src/cli/main.ts"), "serve", "--model", BASE];
  const named = Object.entries(adapters).flatMap(([name, to]) => ["--adapter", `${name}=${to}`]);
  const child = spawn(
    process.execPath,
    [...words, ...named, "--jobs", join(home, "jobs"), "--port", "0", "--threads", "1"],
    {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1", ATTUNE_SOAK_PROBE: home, ATTUNE_CACHE: join(home, "cache") },
    },
  );
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    errors += text;
  });
  const ended = new Promise<number | null>((done) => child.once("close", done));
  const address = new Promise<string>((found) => {
    let printed = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      printed += text;
      const url = /at (http:\S+)\/v1/.exec(printed)?.[1];
      if (url) found(url);
    });
  });
  const url = await Promise.race([
    address,
    ended.then(() => Promise.reject(new Error(`the server ended: ${errors}`))),
  ]);
  return {
    process: child,
    url,
    models: ["base", ...Object.keys(adapters)],
    adapters,
    samples: home,
    errors: () => errors,
    stop() {
      child.kill("SIGTERM");
      return ended;
    },
  };
}
