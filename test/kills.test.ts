import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../src/files/testing/temporary_directory.ts";
import { killOften, VICTIMS } from "../src/testing/kills.ts";

const at = temporaryDirectory();

/** A few; `npm run kills` does eighty. */
describe.skipIf(process.platform === "win32")("killed at a random moment, and begun again", () => {
  test.each(VICTIMS)(
    "%s: nothing is half-done, and the end is the same to the bit",
    { timeout: 180_000 },
    async (name) => {
      const told: string[] = [];
      const count = name === "train" ? 3 : 1;
      await killOften(name, {
        seed: 7,
        count,
        directory: join(at(), "work"),
        tell: (line) => told.push(line),
      });
      expect(told.filter((line) => line.includes("killed")).length).toBe(count);
    },
  );
});
