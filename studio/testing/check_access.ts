import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { expect } from "vitest";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

interface Found {
  violations: { id: string; help: string; nodes: { html: string; failureSummary: string }[] }[];
}

/** What axe-core finds against WCAG A and AA, light and dark, is nothing. */
export async function checkAccess(page: Page, where: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.evaluate(axe);
    const { violations } = (await page.evaluate(
      `axe.run(document, { runOnly: ${JSON.stringify(LEVELS)} })`,
    )) as Found;
    const found = violations.map(({ id, nodes }) => [id, nodes[0]!.html, nodes[0]!.failureSummary]);
    expect(found, `${where}, ${colorScheme}`).toEqual([]);
  }
}
