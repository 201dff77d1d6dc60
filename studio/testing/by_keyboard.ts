import type { Locator, Page } from "playwright-core";
import { expect } from "vitest";

const MOST_PRESSES = 300;

/** Tab by Tab to a control, which then shows where the focus is. */
export async function tabTo(page: Page, target: Locator): Promise<void> {
  await target.waitFor({ state: "attached" });
  const isThere = () => target.evaluate((element) => element === document.activeElement);
  for (let presses = 0; !(await isThere()); presses++) {
    expect(presses, `${target} can't be reached`).toBeLessThan(MOST_PRESSES);
    await page.keyboard.press("Tab");
  }
  const ring = await target.evaluate((element) => {
    const drawn = element.matches(".hidden") ? element.closest(".button")! : element;
    const { outlineStyle, outlineWidth } = getComputedStyle(drawn);
    return `${outlineStyle} ${outlineWidth}`;
  });
  expect(ring, `${target} doesn't show that it has the focus`).toMatch(/^solid [1-9]/);
}

/** Reaches a control and uses it. */
export async function pressOn(page: Page, target: Locator, key = "Enter"): Promise<void> {
  await tabTo(page, target);
  await page.keyboard.press(key);
}

/** Chooses a file of a field for files. */
export async function chooseByKeyboard(
  page: Page,
  target: Locator,
  file: { name: string; content: string },
): Promise<void> {
  const chooser = page.waitForEvent("filechooser");
  await pressOn(page, target);
  const { name, content } = file;
  await (await chooser).setFiles({ name, mimeType: "", buffer: Buffer.from(content) });
}
