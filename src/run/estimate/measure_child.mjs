// Starts measure_child.ts when attune runs from its sources. A built package has the program itself under this name.
import { register } from "tsx/esm/api";

register();
await import("./measure_child.ts");
