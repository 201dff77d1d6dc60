import { expect, test } from "vitest";
import { profilePage } from "./profile_page.ts";
import type { KernelTime, ProfileRecord } from "./profile_record.ts";
import { HOSTILE } from "./testing/example_run.ts";

const kernel = (changes: Partial<KernelTime>): KernelTime => ({
  ...{ op: "MatMul", phase: "forward", layer: 0, shapes: "[4, 8] × [8, 16]", calls: 2 },
  ...{ seconds: 1, operations: 5e10, bytes: 1e9, inIntegers: false },
  ...changes,
});

const record = (changes: Partial<ProfileRecord> = {}): ProfileRecord => ({
  title: "runs/one",
  steps: 2,
  host: { data: 0.5, passes: 4, optimizer: 0.25, reporting: 0.25 },
  kernels: [
    kernel({}),
    kernel({ phase: "backward", seconds: 2, layer: 1 }),
    kernel({ op: "Add", operations: 1e6, bytes: 5e9, seconds: 0.5, layer: "output layer and loss" }),
    kernel({ op: "MatMul", phase: "other passes", seconds: 0.5, layer: "embedding" }),
  ],
  peaks: { threads: 2, float32: 1e11, int8: 3e11, bandwidth: 1e10 },
  ...changes,
});

/** Cells of the row that begins with `name`. */
function row(page: string, name: string): string[] {
  const found = page.match(new RegExp(`<tr><th scope="row">${name}</th>(.*?)</tr>`))?.[1] ?? "";
  return [...found.matchAll(/<td>(.*?)<\/td>/g)].map(([, cell]) => cell!);
}

test("phases are shares of the steps, with what lies between kernels", () => {
  const page = profilePage(record());
  expect(row(page, "forward")).toEqual(["30.0%", "1.50 s", "750.00 ms"]);
  expect(row(page, "backward")).toEqual(["40.0%", "2.00 s", "1.00 s"]);
  expect(row(page, "between kernels")).toEqual(["10.0%", "500.00 ms", "250.00 ms"]);
  expect(row(page, "optimizer")[0]).toBe("5.00%");
  expect(row(page, "passes beside the steps: evaluation, reference")[1]).toBe("500.00 ms");
});

test("ops stand beside the machine's peak and bandwidth", () => {
  const page = profilePage(record());
  // 1.5e11 operations at 1e11 a second, 3e9 bytes at 1e10, in 3.5 s
  expect(row(page, "MatMul").slice(-2)).toEqual(["42.9%", "8.57%"]);
  expect(row(page, "Add").slice(-2)).toEqual(["0.0020%", "100.0%"]);
});

test("products in integers are set beside the integers' peak", () => {
  const kernels = [kernel({ op: "MatMulIntegerToFloat", inIntegers: true, operations: 3e11 })];
  expect(row(profilePage(record({ kernels })), "MatMulIntegerToFloat").at(-2)).toBe("100.0%");
});

test("layers come in their order, the output layer last", () => {
  const page = profilePage(record());
  const at = (name: string) => page.indexOf(`<tr><th scope="row">${name}</th>`);
  expect(at("embedding")).toBeLessThan(at("0"));
  expect(at("0")).toBeLessThan(at("1"));
  expect(at("1")).toBeLessThan(at("output layer and loss"));
});

test("a run without steps or kernels has a page, and no text becomes markup", () => {
  const page = profilePage(record({ title: HOSTILE, steps: 0, kernels: [] }));
  expect(page).not.toContain("<img");
  expect(page).not.toContain("NaN");
});
