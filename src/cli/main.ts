#!/usr/bin/env node
import { failureCode, sayFailure } from "./failure.ts";
import { createProgram } from "./program.ts";
import { stopAtClosedPipe } from "./stop_signals.ts";

stopAtClosedPipe();

try {
  await createProgram().parseAsync();
} catch (error) {
  sayFailure(error);
  process.exitCode = failureCode;
}
