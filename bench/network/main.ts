/**
 * How long gradients take between machines: ranks in network namespaces of their own, on links of 1 Gbit/s and 1 ms. Linux,
 * as root, with OpenMPI.
 *
 *   npx tsx bench/network/main.ts [--gigabits 1] [--milliseconds 1] [--ranks 2,3,4] [--rounds 3]
 *                                 [--step 100 --most 64]
 *
 * Prints the seconds of a sum, and a model fitted to them; with --step, the seconds of a LoRA step on one rank, by that model the
 * share of communication up to --most ranks.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { fitSums, type Measured, type SumModel, secondsOf } from "./sum_model.ts";

const { values } = parseArgs({
  options: {
    gigabits: { type: "string", default: "1" },
    milliseconds: { type: "string", default: "1" },
    ranks: { type: "string", default: "2,3,4" },
    rounds: { type: "string", default: "3" },
    step: { type: "string" },
    most: { type: "string", default: "64" },
  },
});

/** Numbers of a sum: a window's, LoRA's of rank 8 on all linear layers of Qwen2.5-0.5B, and more. */
const LORA = 4_399_104;
const ALL_WEIGHTS = 494_032_768;
const SIZES = [1, 1_048_576, LORA, 16_777_216];

const bytesOf = (as: string) => (as === "float32" ? 4 : 2);

const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
const counts = values.ranks.split(",").map(Number);
const folder = mkdtempSync(join(tmpdir(), "attune-network-"));
const agent = join(folder, "agent");
/** Stands in for ssh. Each host has a folder of its own for what its daemon keeps. */
const SCRIPT = `#!/bin/sh
host=$1; shift
export TMPDIR="${folder}/$host"; mkdir -p "$TMPDIR"
exec ip netns exec "attune-$(($(echo "$host" | cut -d. -f4) - 1))" sh -c "$*"
`;
writeFileSync(agent, SCRIPT);
chmodSync(agent, 0o755);

const link = await openLink(Math.max(...counts));
const measured: (Measured & { as: string })[] = [];
try {
  for (const as of ["float32", "bfloat16"])
    for (const ranks of counts)
      for (const [numbers, seconds] of Object.entries(sums(ranks, as))) {
        measured.push({ as, ranks, numbers: +numbers, bytesEach: bytesOf(as), seconds });
        console.log(`${ranks} ranks, ${numbers} numbers as ${as}: ${seconds.toFixed(3)} s`);
      }
} finally {
  link.stdin!.end();
  const [said] = await once(link.stdout!, "data");
  process.stdout.write(said);
  rmSync(folder, { recursive: true, force: true });
}

const models = new Map(
  ["float32", "bfloat16"].map((as) => [as, fitSums(measured.filter((m) => m.as === as))]),
);
for (const [as, { perByte, perMessage, worst }] of models)
  console.log(
    `model, ${as}: ${(perByte * 1e9).toFixed(2)} ns a byte sent, ${(perMessage * 1e3).toFixed(2)} ms a message; ` +
      `off by ${(100 * worst).toFixed(0)}% at most`,
  );
if (values.step) predict(models, +values.step);

async function openLink(size: number): Promise<ChildProcess> {
  const words = ["--import", tsx, join(import.meta.dirname, "link.ts")];
  const link = [...words, String(size), values.gigabits, values.milliseconds];
  const child = spawn("nice", ["-n", "-10", process.execPath, ...link], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, UV_THREADPOOL_SIZE: String(size + 4) }, // a thread waits for each host's packets
  });
  const [ready] = await Promise.race([once(child.stdout!, "data"), once(child, "exit")]);
  if (!String(ready).startsWith("ready"))
    throw new Error("the link can't be set up: it takes root, ip and TUN devices");
  return child;
}

/** OpenMPI starts its daemons in the namespaces, and all bytes go through the link. */
function sums(ranks: number, as: string): Record<string, number> {
  const hosts = Array.from({ length: ranks }, (_, i) => `10.77.0.${i + 1}:1`).join(",");
  const network = "10.77.0.0/24";
  const settings = {
    plm_rsh_agent: agent,
    btl: "tcp,self",
    btl_tcp_if_include: network,
    oob_tcp_if_include: network,
    mpi_yield_when_idle: "1", // several ranks share a core here
  };
  const mca = Object.entries(settings).flatMap(([key, value]) => ["--mca", key, value]);
  const program = [process.execPath, "--import", tsx, join(import.meta.dirname, "sums.ts")];
  const words = [
    "mpirun.openmpi",
    "--allow-run-as-root",
    ...mca,
    "--host",
    hosts,
    "-n",
    String(ranks),
    ...program,
  ];
  return JSON.parse(
    execFileSync("ip", ["netns", "exec", "attune-0", ...words, values.rounds, as, ...SIZES.map(String)], {
      encoding: "utf8",
    }),
  );
}

/** Of a step that takes `lora` seconds on one rank, and is shared out evenly. With all weights it takes 6 operations a weight, not 4. */
function predict(models: ReadonlyMap<string, SumModel>, lora: number): void {
  for (const [what, numbers, seconds] of [
    ["LoRA", LORA, lora],
    ["all weights", ALL_WEIGHTS, 1.5 * lora],
  ] as const)
    for (const [as, model] of models)
      for (let ranks = 2; ranks <= +values.most; ranks *= 2) {
        const sum = secondsOf(model, { ranks, numbers, bytesEach: bytesOf(as) });
        const share = sum / (sum + seconds / ranks);
        console.log(
          `by the model: ${what}, ${as}, ${ranks} ranks: ${sum.toFixed(2)} s, ${(100 * share).toFixed(1)}% of a step`,
        );
      }
}
