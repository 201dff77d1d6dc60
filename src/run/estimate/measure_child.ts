/** The process that runs some passes of a recipe, to see what they take. It writes nothing into the run's directory. */
import { AttuneError, partsOf } from "../../text/errors.ts";
import { measureHere } from "./measure_here.ts";
import type { MeasureReply, MeasureTask } from "./measurement.ts";

process.once("message", async (task: MeasureTask) => {
  const reply = await measureHere(task).then(
    (measured): MeasureReply => ({ measured }),
    (error: Error): MeasureReply =>
      error instanceof AttuneError ? { fault: partsOf(error) } : { error: error.stack ?? error.message },
  );
  process.send!(reply, () => process.disconnect());
});
