import { AttuneError } from "../text/errors.ts";

/** Files that say different things of the same weights. */
export const contradiction = (place: string, problem: string, wayOut?: string): AttuneError =>
  new AttuneError({ code: "quantization.contradiction", place, problem, wayOut });
