import { spawn } from "node:child_process";
import { writeSync } from "node:fs";
import { hostname } from "node:os";
import type { Launched } from "./implementations.ts";

/** A process, as messages name it. */
export const rankName = ({ rank, size }: Pick<Launched, "rank" | "size">): string =>
  `rank ${rank}${size === undefined ? "" : ` of ${size}`} on ${hostname()}`;

/** What Hydra takes as MPI_Abort, also of a process that hasn't joined the others. Source: MPICH, pmiserv_pmi_v1.c. */
const ABORT = "cmd=abort exitcode=1\n";

/**
 * Ends a process that hasn't joined the others, and them with it. Other launchers end all when one exits with a failure; MPICH's
 * would leave them waiting in MPI_Init.
 */
export function failBeforeJoining({ hydra }: Launched, code: number): never {
  if (hydra !== undefined) writeSync(hydra, ABORT);
  process.exit(code);
}

/** Waits for a word or the end; after a mere end it says so, gives the launcher time to read it, and has all ended. */
const WATCH = `read word || { echo "$1" >&2; sleep 0.2; printf '${ABORT.trim()}\\n' >&3; }`;

/**
 * Says of a process that dies without a word, by `kill -9` or in a crash, which one it was. Other launchers say that; MPICH's
 * ends all as soon as a connection of one closes, and doesn't say whose. So a shell beside the process holds its connection open,
 * sees it die, and speaks for it.
 * @returns what ends the watch
 */
export function watchOver(launched: Launched): () => void {
  const { hydra } = launched;
  if (hydra === undefined) return () => {};
  const said = `${rankName(launched)}: error: the process (${process.pid}) was killed, for lack of memory perhaps, or crashed`;
  const watch = spawn("/bin/sh", ["-c", WATCH, "attune", said], {
    stdio: ["pipe", "ignore", "inherit", hydra],
  });
  watch.on("error", () => {}); // without a shell the launcher's own words have to do
  watch.stdin!.on("error", () => {}); // a signal to all ended it
  watch.unref();
  (watch.stdin as unknown as { unref(): void }).unref();
  return () => void watch.stdin!.end("done\n");
}
