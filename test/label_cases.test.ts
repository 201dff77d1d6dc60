import { describe, expect, test } from "vitest";
import { expectedRows, prepareCase } from "./testing/case_files.ts";

describe("tokens and labels of other people's rows and tokenizers", () => {
  test.each(["a1", "a2", "a3", "b1", "b2", "b3", "e1", "e2", "e3", "e4"])("%s", async (id) => {
    const { rows, report } = await prepareCase(id);
    expect(rows).toEqual(expectedRows(id));
    expect(report).toMatchObject({ dropped: [], unusable: [], lost: [] });
  });
});
