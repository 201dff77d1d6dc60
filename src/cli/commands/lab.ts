import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import {
  CLAIMS,
  type ClaimFinding,
  type ClaimName,
  findingsOf,
  isChinese,
  neededParts,
} from "../../demo/lab/claims.ts";
import { labMarkdown, labTable } from "../../demo/lab/report.ts";
import { type LabEvent, type PartResult, runLab } from "../../demo/lab/run_lab.ts";
import { writeFileAtomic } from "../../files/atomic.ts";
import { listed } from "../../text/listed.ts";
import { nearest } from "../../text/nearest.ts";
import { version } from "../../text/version.ts";
import { formatDuration } from "../format.ts";
import { examples } from "../help.ts";
import { collect, wholeNumber } from "../options.ts";
import { packageFile } from "../package_root.ts";
import type { Screen } from "../screen.ts";
import { headerLine } from "../train_header.ts";
import { runTeller } from "../train_progress.ts";
import { untilStopped } from "../until_stopped.ts";

interface LabFlags {
  seeds: number;
  only?: ClaimName[];
  out: string;
  chinese?: string;
  threads?: number;
}

export const labCommand = (command: Command): Command =>
  command
    .description(
      "Runs the tiny model that comes along through what this project says of instruction tuning, LoRA and vocabularies, and prints each claim with its bound, the figure and its interval. Takes half an hour on two cores; the same command goes on where it was stopped.",
    )
    .option("--seeds <n>", "repeat everything with so many seeds", wholeNumber(1), 3)
    .option("--only <claim>", `only this: ${CLAIMS.join(", ")}; may be given more than once`, claims)
    .option("-o, --out <dir>", "where recipes, runs and results go", "runs/lab")
    .option("--chinese <file>", "Chinese rows or text, for the claim vocabulary; left out without")
    .option("--threads <n>", "threads of one operation (default: all cores)", wholeNumber(1))
    .addHelpText(
      "after",
      examples([
        ["attune lab --chinese alpaca_zh.json", "all claims, three seeds; everything goes to runs/lab"],
        ["attune lab --only lora-full --seeds 1", "one claim, quickly"],
      ]),
    )
    .action(lab);

function claims(name: string, earlier: ClaimName[] = []): ClaimName[] {
  if (CLAIMS.includes(name as ClaimName)) return collect(name, earlier) as ClaimName[];
  const meant = nearest(name, CLAIMS);
  throw new InvalidArgumentError(
    `There is no claim ${name}${meant ? `; did you mean ${meant}?` : ""} Claims: ${listed(CLAIMS)}.`,
  );
}

const lab = (flags: LabFlags): Promise<void> =>
  untilStopped((screen, signal) => runClaims(flags, screen, signal));

async function runClaims(
  { seeds, only, out, chinese, threads }: LabFlags,
  screen: Screen,
  signal: AbortSignal,
): Promise<void> {
  const wanted = only ?? [...CLAIMS];
  const measured = wanted.filter((claim) => chinese !== undefined || !isChinese(claim));
  const base = packageFile("demo/base");
  const began = performance.now();
  const load = loadavg()[0]!;
  const parts = neededParts(measured);
  const options = { base, output: out, seeds, parts, chinese, threads, signal };
  const results = await followed(runLab(options), screen);
  if (!results) return;
  const findings = findingsOf(measured, results);
  const seconds = results.reduce((sum, result) => sum + result.seconds, 0);
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, threads, load: [load, loadavg()[0]!] };
  await save(out, { findings, about: { version, seeds, seconds, machine } });
  screen.print(`\n${labTable(findings)}\n`);
  for (const claim of wanted.filter((one) => !measured.includes(one)))
    screen.print(`${claim}: not measured; it needs Chinese text: --chinese FILE`);
  screen.print(headerLine("time", formatDuration(seconds)));
  screen.print(headerLine("this time", formatDuration((performance.now() - began) / 1000)));
  screen.print(
    headerLine("written", `${join(out, "results.json")} and results.md; a recipe beside each run`),
  );
}

async function followed(
  events: AsyncGenerator<LabEvent, PartResult[] | undefined>,
  screen: Screen,
): Promise<PartResult[] | undefined> {
  let tell: ReturnType<typeof runTeller> = () => {};
  for (;;) {
    const { done, value } = await events.next();
    if (done) return value;
    if (value.type !== "part") tell(value);
    else if (value.work === "run") {
      const title = `seed ${value.seed}: ${value.part}`;
      if (value.recipe) tell = runTeller(value.recipe, screen, title);
      else {
        screen.print(`\n${title}`);
        screen.show(() => "asking …");
      }
    }
  }
}

async function save(out: string, results: { findings: ClaimFinding[]; about: object }): Promise<void> {
  await writeFileAtomic(join(out, "results.json"), `${JSON.stringify(results, null, 1)}\n`);
  await writeFileAtomic(join(out, "results.md"), labMarkdown(results.findings));
}
