import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, relative } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { attuneCommand, type Started } from "./attune_command.ts";
import { packageFile } from "./package_root.ts";

const at = temporaryDirectory();
const WORDS = ["chat", "runs/my run"];
const root = dirname(packageFile("package.json"));
const command = (started: Partial<Started>) =>
  attuneCommand(WORDS, { argv: ["node", "attune"], execArgv: [], env: {}, cwd: at(), ...started });

function installed(): string {
  mkdirSync(at("node_modules/.bin"), { recursive: true });
  writeFileSync(at("cli.mjs"), "");
  chmodSync(at("cli.mjs"), 0o755);
  symlinkSync(at("cli.mjs"), at("node_modules/.bin/attune"));
  return at("node_modules/.bin/attune");
}

test("in a clone it is npm's script", () => {
  const started = { argv: ["node", `${root}/src/cli/main.ts`], execArgv: ["--import", "tsx"] };
  expect(command({ ...started, cwd: root })).toBe("npm run attune -- chat 'runs/my run'");
});

test("of a clone, from elsewhere, it is what was typed", () => {
  const started = { argv: ["node", `${root}/src/cli/main.ts`], execArgv: ["--import", "/a b/tsx.mjs"] };
  const [typed, there] = [`${root}/src/cli/main.ts`, relative(at(), `${root}/src/cli/main.ts`)];
  const shorter = there.length < typed.length ? there : typed;
  expect(command(started)).toBe(`node --import '/a b/tsx.mjs' ${shorter} chat 'runs/my run'`);
  expect(command({ argv: ["node", at("dist/cli.mjs")] })).toBe("node dist/cli.mjs chat 'runs/my run'");
  expect(command({ argv: ["node", at("cli.mjs")] })).toBe("node ./cli.mjs chat 'runs/my run'");
});

test("by npx, and in scripts of other packages, where no shell would find it, it is npx", () => {
  const argv = ["node", installed()];
  const PATH = `${at("node_modules/.bin")}:/usr/bin`;
  expect(command({ argv, env: { npm_lifecycle_event: "npx", PATH } })).toBe("npx attune chat 'runs/my run'");
  expect(command({ argv, env: { npm_lifecycle_event: "tune", PATH } })).toBe("npx attune chat 'runs/my run'");
  const npm_config_package = "./attune-1.tgz";
  expect(command({ argv, env: { npm_lifecycle_event: "npx", npm_config_package } })).toBe(
    "npx --package=./attune-1.tgz attune chat 'runs/my run'",
  );
});

test("installed it is attune where the shell finds that, else its path", () => {
  const argv = ["node", installed()];
  const env = { PATH: `/usr/bin:${at("node_modules/.bin")}` };
  expect(command({ argv, env })).toBe("attune chat 'runs/my run'");
  expect(command({ argv, env: { PATH: "/usr/bin" } })).toBe("node_modules/.bin/attune chat 'runs/my run'");
});
