import type { Language } from "../../../web/language.ts";
import type { FineTuningJob } from "../api_types.ts";

/** As its owner calls it; else the end of its id. */
export const runName = ({ user_provided_suffix, id }: FineTuningJob): string =>
  user_provided_suffix ? `${user_provided_suffix} · ${id.slice(-4)}` : id.slice(-8);

export const when = (seconds: number, language: Language): string =>
  new Date(seconds * 1000).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });

/** A score as it is read: shares in percent, losses with four digits. */
export function shownScore(name: string, value: number): string {
  if (name === "loss" || name === "perplexity") return value.toPrecision(4).replace(/\.?0+$/, "");
  return `${(100 * value).toFixed(1)}%`;
}
