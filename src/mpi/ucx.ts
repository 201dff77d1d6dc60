/**
 * Settings of UCX, which MPICH and OpenMPI send by, where nobody has set them. It watches memory by rewriting the C library's
 * mmap and sbrk while they may be running: V8's own threads then crash in malloc, in one start of eight as measured
 * (https://github.com/openucx/ucx/issues/3831). And what it does at a crash waits for the lock that the crash holds.
 */
const SETTINGS = { UCX_MEM_EVENTS: "n", UCX_HANDLE_ERRORS: "none" };

/** UCX reads them when it is loaded. */
export function settleUcx(env: NodeJS.ProcessEnv): void {
  for (const [name, value] of Object.entries(SETTINGS)) env[name] ??= value;
}
