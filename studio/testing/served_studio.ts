import { fileURLToPath } from "node:url";
import { build } from "vite";
import { startCli } from "../../src/cli/testing/run_cli.ts";

const configFile = fileURLToPath(new URL("../vite.config.ts", import.meta.url));
const MODEL = fileURLToPath(new URL("../../demo/base", import.meta.url));

/** Builds the page where `attune serve` finds it. */
export const buildStudio = () => build({ configFile, logLevel: "error" });

/** The demo's model, served as a person would. */
export async function serveStudio(...words: string[]): Promise<{ url: string; close(): Promise<void> }> {
  const running = startCli(["serve", "-m", MODEL, "--port", "0", "--threads", "1", ...words]);
  let printed = "";
  running.process.stdout!.on("data", (text) => {
    printed += text;
  });
  await running.printed(/curl .*\n/);
  return {
    url: /Studio: (\S+)/.exec(printed)![1]!,
    async close() {
      running.process.kill("SIGTERM");
      await running.ended;
    },
  };
}
