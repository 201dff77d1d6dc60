import { AttuneError, partsOf } from "../text/errors.ts";

/** Whether the runtime failed, not the run: what was trained before may still be there. */
export const isRuntimeFault = (error: unknown): error is AttuneError =>
  error instanceof AttuneError && error.code.startsWith("runtime.");

/** The error that ended a run, with the step that the same run goes on from. @param kept 0 where nothing was kept */
export function interrupted(error: AttuneError, step: number, kept: number): AttuneError {
  const goesOn =
    kept > 0
      ? `The run is kept as of step ${kept}, and goes on from there when it is started again`
      : "Nothing was kept yet: training.saveEvery says how often a run is";
  const wayOut = [error.wayOut, goesOn].filter(Boolean).join(". ");
  return new AttuneError({ ...partsOf(error), place: `step ${step}`, wayOut }, { cause: error });
}
