#!/usr/bin/env node
import { launchedBy } from "../mpi/implementations.ts";
import { failureCode, sayFailure } from "./failure.ts";
import { createProgram } from "./program.ts";
import { stopAtClosedPipe } from "./stop_signals.ts";

stopAtClosedPipe();

try {
  const launched = launchedBy(process.env);
  const program = createProgram();
  if (launched) (await import("./launched_program.ts")).launchedProgram(program, launched);
  await program.parseAsync();
} catch (error) {
  sayFailure(error);
  process.exitCode = failureCode;
}
