import { randomUUID } from "node:crypto";

/** An id as OpenAI's are: what it is of, and something nobody has had before. */
export const newId = (kind: string, between: "-" | "_" = "-"): string =>
  `${kind}${between}${randomUUID().replaceAll("-", "")}`;

export const nowInSeconds = (): number => Math.floor(Date.now() / 1000);
