/**
 * Serves the demo's model with three adapters to random clients, well-behaved and not: slow readers, clients that leave, bodies too
 * large or no JSON, uploads, fine-tuning jobs, adapters that come and go. Fails on an answer that is not the one given
 * alone, on an unexpected status, and where memory, open files or the event loop's delay grow.
 *
 *   npm run soak -- --minutes 60 --seed 1 --clients 24
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { randomUniform } from "../src/random/random.ts";
import { ask, CLIENTS, type Soak, TUNER } from "./soak/clients.ts";
import { describeSample, growth, readSamples } from "./soak/samples.ts";
import { startServer } from "./soak/served.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    seed: { type: "string", default: "1" },
    clients: { type: "string", default: "24" },
  },
});
const [minutes, seed, clients] = [values.minutes, values.seed, values.clients].map(Number) as [
  number,
  number,
  number,
];

const home = mkdtempSync(join(tmpdir(), "attune-soak-"));
const done = new Map<string, number>();
const faults = new Map<string, number>();
try {
  await soakFor(60_000 * minutes);
} finally {
  rmSync(home, { recursive: true, force: true });
}
process.exitCode = faults.size > 0 ? 1 : 0;

async function soakFor(ms: number): Promise<void> {
  const served = await startServer(home);
  const known = await ask(served);
  console.log(`${known.length} answers are known; ${clients} clients for ${minutes} minutes, seed ${seed}`);
  const ends = AbortSignal.timeout(ms);
  let [numbers, given] = [0, 0];
  const soak: Soak = {
    ...{ served, known, ends },
    random: () => randomUniform(seed, "soak", 0, numbers++),
    next: () => given++,
  };
  const chosen = () => {
    let left = soak.random() * CLIENTS.reduce((n, [, weight]) => n + weight, 0);
    for (const client of CLIENTS) {
      left -= client[1];
      if (left < 0) return client;
    }
    return CLIENTS[0]!;
  };
  const one = async () => {
    for (; !ends.aborted; await sleep(200 * soak.random())) {
      const [name, , client] = chosen();
      await count(name, () => client(soak));
    }
  };
  const tuner = async () => {
    for (; !ends.aborted; await sleep(5000)) await count(TUNER[0], () => TUNER[1](soak));
  };
  const watch = async () => {
    for (let seen = 0; !ends.aborted; await sleep(1000)) {
      const samples = readSamples(served.samples, served.process.pid!);
      for (const sample of samples.slice(seen)) console.log(describeSample(sample));
      seen = samples.length;
      if (served.process.exitCode !== null) throw new Error(`the server ended: ${served.errors()}`);
    }
  };
  await Promise.all([...Array.from({ length: clients }, one), tuner(), watch()]);
  await count("after all", async () => {
    const again = await ask(served);
    const other = again.filter(({ answer }, i) => answer !== known[i]!.answer);
    if (other.length > 0) throw new Error(`${other.length} answers are others than before`);
  });
  for (const grown of growth(readSamples(served.samples, served.process.pid!))) fault(grown);
  const code = await served.stop();
  if (code !== 0 && code !== 143) fault(`the server ended with ${code}`);
  const errors = served
    .errors()
    .split("\n")
    .filter((line) => line !== "" && !/finishing what was asked/.test(line));
  for (const line of errors.slice(0, 20)) fault(`printed: ${line}`);
  report();
}

async function count(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
    done.set(name, (done.get(name) ?? 0) + 1);
  } catch (error) {
    const { message, cause } = error as Error;
    fault(`${name}: ${message}${cause === undefined ? "" : ` (${cause})`}`);
  }
}

function fault(text: string): void {
  if (!faults.has(text)) console.error(text);
  faults.set(text, (faults.get(text) ?? 0) + 1);
}

function report(): void {
  console.log(`done: ${Array.from(done, ([name, times]) => `${name} ${times}`).join(", ")}`);
  if (faults.size === 0) console.log("nothing lost, nothing wrong, nothing grown");
  for (const [text, times] of faults) console.log(`${times} times: ${text}`);
}
