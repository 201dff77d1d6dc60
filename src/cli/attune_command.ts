import { realpathSync } from "node:fs";
import { basename, delimiter, dirname, join, relative, resolve } from "node:path";
import { shellWord } from "./format.ts";
import { packageFile } from "./package_root.ts";

/** How this process was started. */
export interface Started {
  /** Node, the script and its arguments. */
  argv: readonly string[];
  execArgv: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
}

/** `attune …words`, as it is typed in the shell that this process was started from. */
export function attuneCommand(words: readonly string[], started: Started = here()): string {
  return [...caller(started), ...words].map(shellWord).join(" ");
}

const here = (): Started => ({
  argv: process.argv,
  execArgv: process.execArgv,
  env: process.env,
  cwd: process.cwd(),
});

function caller({ argv, execArgv, env, cwd }: Started): string[] {
  const script = argv[1] ?? "attune";
  const isSource = script.endsWith(".ts");
  // npm runs its scripts in the package's own directory, wherever it is called there.
  if (isSource && resolve(cwd) === dirname(packageFile("package.json")))
    return ["npm", "run", "attune", "--"];
  if (isSource || !/^attune(\.\w+)?$/.test(basename(script)))
    return ["node", ...execArgv, shortest(script, cwd)];
  if (env.npm_config_package) return ["npx", `--package=${env.npm_config_package}`, "attune"];
  if (env.npm_lifecycle_event !== undefined) return ["npx", "attune"]; // also within a script of another package
  return isOnPath(script, env.PATH) ? ["attune"] : [shortest(script, cwd)];
}

/** Whether the command "attune" runs `script` in a shell. */
function isOnPath(script: string, path = ""): boolean {
  const found = path.split(delimiter).map((directory) => real(join(directory, basename(script))));
  return found.find((file) => file !== undefined) === real(script);
}

function real(file: string): string | undefined {
  try {
    return realpathSync(file);
  } catch {
    return undefined;
  }
}

/** Of a path and its form from `cwd` the shorter one; it holds a slash, so that a shell looks for no program of that name. */
function shortest(path: string, cwd: string): string {
  const short = relative(cwd, path);
  if (short === "" || short.length >= path.length) return path;
  return short.includes("/") ? short : `./${short}`;
}
