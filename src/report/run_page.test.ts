import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { chromiumMissing } from "../testing/chromium.ts";
import { openInChromium, type PageView } from "../testing/chromium_page.ts";
import { runPage } from "./run_page.ts";
import { STYLE } from "./style.ts";
import { exampleRun, HOSTILE } from "./testing/example_run.ts";

const at = temporaryDirectory();

describe("a run's page", () => {
  test("says what the run is, and what it came to", () => {
    const page = runPage(exampleRun());
    for (const text of ["runs/example", "done", "LoRA, r 8", "dpo", "training.learningRate", "0.0003"])
      expect(page).toContain(text);
    expect(page).toContain("3 rows: the answer is empty");
    expect(page).toMatch(/Peak memory<\/dt><dd><span class="value">1.2 GB/);
    expect(page).toMatch(/exactMatch<\/th><td>10.0% \(5.0% … 15.0%\)/);
  });

  test("of no steps at all is a page, too", () => {
    const { recipe, path } = exampleRun();
    const page = runPage({ path, recipe, history: { ...exampleRun(0).history }, damaged: [] });
    expect(page).toContain("No step has been taken yet");
  });

  test("of losses that are no numbers says so", () => {
    const run = exampleRun(20);
    run.history.curves.get("loss")!.values.fill(Number.NaN, 15);
    const page = runPage({
      ...run,
      summary: { ...run.summary!, state: "failed", error: "step 16: the loss is NaN" },
    });
    expect(page).toContain("5 values are not a number");
    expect(page).toContain("step 16: the loss is NaN");
    expect(page).not.toMatch(/ d="[^"]*NaN/);
  });

  test("of 100,000 steps stays small", () => {
    expect(runPage(exampleRun(100_000)).length).toBeLessThan(500_000);
  });

  test("makes markup of nothing that comes from files", () => {
    const page = runPage(exampleRun(20, HOSTILE));
    expect(page).not.toContain("<img");
    expect(page).not.toContain("onerror=alert(1)>");
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page).toContain("&lt;img src=x onerror=alert(1)&gt;");
  });
});

/** WCAG's relative luminance of #rgb or #rrggbb. */
function luminance(color: string): number {
  const digits = color.length === 4 ? [...color.slice(1)].map((c) => c + c) : color.match(/[0-9a-f]{2}/g)!;
  const [r, g, b] = digits.map((two) => {
    const share = Number.parseInt(two, 16) / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

test("every colour of text stands out at 4.5:1, light and dark", () => {
  const palettes = [...STYLE.matchAll(/:root \{([^}]*)\}/g)].map(
    ([, block]) =>
      new Map([...block!.matchAll(/--(\w+): (#\w+)/g)].map(([, name, color]) => [name!, color!])),
  );
  expect(palettes).toHaveLength(2);
  for (const palette of palettes)
    for (const name of ["text", "dim", "good", "bad", ...[1, 2, 3, 4, 5, 6, 7, 8].map((n) => `c${n}`)])
      for (const back of ["back", "card"]) {
        const [low, high] = [name, back].map((key) => luminance(palette.get(key)!)).sort((a, b) => a - b);
        expect((high! + 0.05) / (low! + 0.05), `${name} on ${back}`).toBeGreaterThan(4.5);
      }
});

const where = chromiumMissing ? `in Chromium (skipped: ${chromiumMissing})` : "in Chromium";
const VIEWS: Record<string, PageView> = {
  "on a desktop": { width: 1280, height: 900 },
  "on a phone, dark": { width: 360, height: 780, phone: true, dark: true },
};

/** What the page shows; and whether a text of a file ran. */
const LOOK = `(() => {
  const svg = document.querySelector(".chart.wide svg");
  svg.focus();
  svg.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
  return {
  overflow: document.documentElement.scrollWidth - innerWidth,
  hidden: document.hidden,
  charts: [...document.querySelectorAll(".chart")].filter((c) => c.querySelector(".line").getBBox().width > 900).map((c) => c.querySelector("h3").textContent),
  widths: [...document.querySelectorAll(".chart svg")].map((s) => s.getBoundingClientRect().width),
  labelled: [...document.querySelectorAll("svg")].every((s) => s.getAttribute("aria-label").includes("at step")),
  readout: svg.closest("figure").querySelector(".readout").textContent,
  back: getComputedStyle(document.body).backgroundColor,
  ran: globalThis.ran ?? null,
  images: document.images.length,
  title: document.title,
  };
})()`;

interface Looked {
  overflow: number;
  charts: string[];
  widths: number[];
  labelled: boolean;
  readout: string;
  back: string;
  ran: unknown;
  images: number;
}

describe.skipIf(chromiumMissing)(where, () => {
  test.each(Object.entries(VIEWS))(
    "%s: curves, no fault, no request, no sideways scroll",
    async (_, view) => {
      writeFileSync(at("report.html"), runPage(exampleRun(400, HOSTILE)));
      const url = pathToFileURL(at("report.html")).href;
      const { console: said, requests, value, screenshot } = await openInChromium(url, view, LOOK);
      expect(said).toEqual([]);
      expect(requests).toEqual([]);
      const page = value as Looked;
      expect(page.overflow).toBeLessThanOrEqual(0);
      expect(page.charts.slice(0, 3)).toEqual(["Loss", "rewards/accuracies", "exactMatch"]);
      expect(page.charts).toContain("Gradient norm before clipping");
      expect(Math.min(...page.widths)).toBeGreaterThan(view.phone ? 240 : 250);
      expect(page).toMatchObject({ labelled: true, ran: null, images: 0 });
      expect(page.readout).toMatch(/^step \d+: training, smoothed \d+(\.\d+)? · held out \d/);
      expect(page.back).toBe(view.dark ? "rgb(16, 20, 27)" : "rgb(246, 247, 249)");
      expect(screenshot.length).toBeGreaterThan(10_000);
    },
  );
});
