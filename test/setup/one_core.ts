/** Test files run side by side, one a core: each computes with one thread, as threads that wait for each other spin. */
import { syncBuiltinESMExports } from "node:module";
import os from "node:os";

const [first] = os.cpus();
os.cpus = () => [first!];
syncBuiltinESMExports();
