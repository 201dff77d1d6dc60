#!/usr/bin/env node
import { launchedBy } from "../mpi/implementations.ts";
import { failureCode, sayFailure } from "./failure.ts";
import { launchedProgram } from "./launched_program.ts";
import { createProgram } from "./program.ts";
import { stopAtClosedPipe } from "./stop_signals.ts";

stopAtClosedPipe();

const launched = launchedBy(process.env);
const program = createProgram();

try {
  await (launched ? launchedProgram(program, launched) : program).parseAsync();
} catch (error) {
  sayFailure(error);
  process.exitCode = failureCode;
}
