import type { Queue } from "./queue.ts";
import type { ServedModels } from "./served_models.ts";

/** What the endpoints share. */
export interface ServerState {
  models: ServedModels;
  queue: Queue;
  /** Bytes of a JSON body at most. */
  bodyLimit: number;
  /** Gets failures that are the server's own. */
  onError: (error: unknown) => void;
}
