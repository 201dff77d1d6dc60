import type { Words } from "../words.ts";
import { WORKER_DIED } from "../worker/client.ts";
import type { Failure } from "../worker/protocol.ts";

/** An error of the library says itself what to do; any other is a fault of its own, or the end of the memory. */
export function Fault({ failure, words }: { failure?: Failure; words: Words }) {
  if (!failure) return null;
  return (
    <p class="alert" role="alert">
      {textOf(failure, words)}
    </p>
  );
}

function textOf({ code, message }: Failure, words: Words): string {
  const isMemory = !code && /out of memory|allocation failed|could not allocate|aborted\(/i.test(message);
  if (code === WORKER_DIED || isMemory) return `${words.tooLittleMemory} (${message.split("\n")[0]})`;
  // The page's rows are the recipe's only data.
  return code ? message.replaceAll("data.0.rows row", "row") : `${words.ownFault} ${message}`;
}
