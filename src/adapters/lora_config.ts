import { AttuneError } from "../errors.ts";

/** Low-rank adaptation (Hu et al. 2021, https://arxiv.org/abs/2106.09685): y = W·x + alpha/r · B·A·x, as PEFT defines it. */
export interface LoraConfig {
  type: "lora";
  r: number;
  alpha: number;
  /** Probability with which an input of A is zeroed in training; the rest is divided by 1 − dropout. */
  dropout: number;
  /** Endings of module names, or a regular expression for whole names, or "all-linear". */
  targetModules: string[] | string;
}

/** What multiplies B·A·x. */
export const loraScale = ({ alpha, r }: Pick<LoraConfig, "alpha" | "r">): number => alpha / r;

/** @throws AttuneError that names every setting out of its range; `where` says whose settings they are. */
export function checkLoraConfig({ r, alpha, dropout }: LoraConfig, where: string): void {
  const faults: string[] = [];
  if (!Number.isSafeInteger(r) || r < 1) faults.push(`r must be a whole number from 1 on, got ${r}`);
  if (!(Number.isFinite(alpha) && alpha > 0)) faults.push(`alpha must be a number above 0, got ${alpha}`);
  if (!(dropout >= 0 && dropout < 1)) faults.push(`dropout must be from 0 to below 1, got ${dropout}`);
  if (faults.length > 0) throw new AttuneError(`${where}: ${faults.join("; ")}.`);
}
