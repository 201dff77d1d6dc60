#!/usr/bin/env node
import { failureCode, sayFailure } from "./failure.ts";
import { createProgram } from "./program.ts";

// A reader that has seen enough (`attune chat … | head -1`) closes the pipe: that is no fault. The code is SIGPIPE's.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(141);
  throw error;
});

try {
  await createProgram().parseAsync();
} catch (error) {
  sayFailure(error);
  process.exitCode = failureCode;
}
