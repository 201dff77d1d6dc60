/** Set by a server for processes that it starts with a channel, to be told how far they are. */
export const TELLS = "ATTUNE_TELL_PROGRESS";

/** Tells the server that started this process what share of the work is done. Ends with that server. */
export function progressTeller(): (progress: number) => void {
  if (process.env[TELLS] !== "1" || !process.send) return () => {};
  process.once("disconnect", () => process.exit(1));
  process.channel?.unref(); // waiting for that keeps nothing alive
  return (progress) => void process.send?.({ progress });
}
