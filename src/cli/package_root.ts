import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Of files that come with the package, such as "demo/base"; the same from its sources and from what is built of them. */
export function packageFile(path: string): string {
  return join(packageRoot(), path);
}

function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, "package.json"))) directory = dirname(directory);
  return directory;
}
