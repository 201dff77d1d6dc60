import { readdir, stat } from "node:fs/promises";
import { availableParallelism, cpus, freemem, totalmem } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { userCache } from "../../files/user_cache.ts";
import { readHubSettings } from "../../hub/settings.ts";
import { findMpi } from "../../mpi/find_mpi.ts";
import { cudaFacts, describeCuda, isReady } from "../../runtime/cuda.ts";
import { checkCuda, runtimeFacts } from "../../runtime/node.ts";
import { telemetryIsOn } from "../../runtime/telemetry.ts";
import { AttuneError } from "../../text/errors.ts";
import { version } from "../../text/version.ts";
import { formatBytes } from "../format.ts";
import { examples } from "../help.ts";
import { headerLine } from "../train_header.ts";

export const doctorCommand = (command: Command): Command =>
  command
    .description(
      "Shows what attune finds here: Node, cores and memory, the runtime and its devices, caches, the hub's settings, and whether anything may be sent. Nothing is fetched or written.",
    )
    .addHelpText("after", examples([["attune doctor", "for a look, or for a report of a fault"]]))
    .action(async () => void process.stdout.write(`${(await findings()).join("\n")}\n`));

/** A line each. What can't be found out says why, and the rest is still shown. */
async function findings(): Promise<string[]> {
  const lines: [string, () => Promise<string> | string][] = [
    ["attune", () => version],
    ["Node", () => `${process.version}, ${process.platform} ${process.arch}`],
    ["cores", () => `${availableParallelism()} of ${cpus()[0]?.model.trim() ?? "an unknown processor"}`],
    ["memory", () => `${formatBytes(totalmem())}, ${formatBytes(freemem())} free`],
    ["runtime", describeRuntime],
    ["CUDA", describeCudaHere],
    ["MPI", findMpi],
    ["telemetry", describeTelemetry],
    ["cache", describeCache],
    ["hub", describeHub],
  ];
  return Promise.all(lines.map(async ([name, find]) => headerLine(name, await orReason(find))));
}

async function orReason(find: () => Promise<string> | string): Promise<string> {
  try {
    return await find();
  } catch (error) {
    if (error instanceof AttuneError) return error.message;
    throw error;
  }
}

async function describeRuntime(): Promise<string> {
  const { version, devices } = await runtimeFacts();
  return `ONNX Runtime ${version}, built for ${devices.join(", ")}; runs are tested on cpu and webgpu`;
}

/** Where nothing is missing, a small product is computed there. */
async function describeCudaHere(): Promise<string> {
  const facts = cudaFacts();
  if (!isReady(facts)) return describeCuda(facts);
  await checkCuda();
  return `${describeCuda(facts)}; a small product was right`;
}

const describeTelemetry = () =>
  telemetryIsOn()
    ? "on: the runtime may send events, as ORT_DISABLE_TELEMETRY says"
    : "off: nothing is sent (ORT_DISABLE_TELEMETRY=0 would turn the runtime's on)";

async function describeCache(): Promise<string> {
  const tokenized = userCache("tokenized");
  if (tokenized === undefined) return "none: this user has no home directory (ATTUNE_CACHE would name one)";
  const kinds = ["tokenized", "quantized"] as const;
  const sizes = await Promise.all(kinds.map(async (kind) => sizeOf(userCache(kind)!)));
  const parts = kinds.map((kind, i) => `${kind} ${formatBytes(sizes[i]!)}`);
  return `${join(tokenized, "..")}: ${parts.join(", ")}`;
}

async function sizeOf(directory: string): Promise<number> {
  const names = await readdir(directory).catch(() => []);
  const infos = await Promise.all(names.map((name) => stat(join(directory, name)).catch(() => undefined)));
  return infos.reduce((sum, info) => sum + (info?.size ?? 0), 0);
}

/** The token itself is never shown. */
async function describeHub(): Promise<string> {
  const { endpoint, token, cache, offline } = await readHubSettings();
  const reach = offline ? "offline" : endpoint;
  return `${reach}, ${token === undefined ? "no token" : "a token is set"}; cache ${cache}`;
}
