import { randomUUID } from "node:crypto";

/** An id as OpenAI's are: what it is of, and something nobody has had before. */
export const newId = (kind: string, between: "-" | "_" = "-"): string =>
  `${kind}${between}${randomUUID().replaceAll("-", "")}`;

let last = 0;

/** The same; ids that are made later are greater, within a process and by its clock: they sort as they were made. */
export function orderedId(kind: string): string {
  last = Math.max(last + 1, Date.now() * PER_MS);
  const time = last.toString(16).padStart(14, "0");
  return `${kind}-${time}${randomUUID().replaceAll("-", "").slice(time.length)}`;
}

const PER_MS = 1024; // ids; so many at once are told apart

export const nowInSeconds = (): number => Math.floor(Date.now() / 1000);
