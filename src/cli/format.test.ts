import { describe, expect, test } from "vitest";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatLoss,
  formatPercent,
  formatRate,
  plural,
  shellWord,
} from "./format.ts";

describe("format", () => {
  test.each([
    [formatCount(1234567), "1,234,567"],
    [formatBytes(0), "0 B"],
    [formatBytes(12_345), "12 KB"],
    [formatBytes(34_512_000), "34.5 MB"],
    [formatBytes(1_234_567_890), "1.2 GB"],
    [plural(1, "step"), "1 step"],
    [plural(2000, "step"), "2,000 steps"],
    [formatDuration(0.4), "0s"],
    [formatDuration(59.6), "1m 00s"],
    [formatDuration(125), "2m 05s"],
    [formatDuration(3599.9), "1h 00m"],
    [formatDuration(90_061), "25h 01m"],
    [formatLoss(12.34567), "12.346"],
    [formatLoss(0.012345), "0.0123"],
    [formatPercent(0.254), "25.4%"],
    [formatPercent(0.0123), "1.23%"],
    [formatPercent(0.00004123), "0.0041%"],
    [formatPercent(0), "0%"],
    [formatRate(2e-4), "2.00e-4"],
    [shellWord("runs/a-1/adapter"), "runs/a-1/adapter"],
    [shellWord("my models/it's"), "'my models/it'\\''s'"],
    [shellWord("模型"), "'模型'"],
  ])("%s", (text, expected) => {
    expect(text).toBe(expected);
  });
});
