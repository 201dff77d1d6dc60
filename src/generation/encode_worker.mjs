// Starts encode_worker.ts when attune runs from its sources: Node 20 starts workers from JavaScript only. A built
// package has the worker itself under this name.
import { register } from "tsx/esm/api";

register();
await import("./encode_worker.ts");
