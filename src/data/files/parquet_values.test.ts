import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { fromJson } from "../../templates/jinja/from_json.ts";
import { toJson } from "../../templates/jinja/json.ts";
import { exactJson } from "../../text/exact_json.ts";
import { readDataFile } from "./open_data.ts";

const golden = (name: string) => fileURLToPath(new URL(`goldens/${name}`, import.meta.url));

async function values(name: string): Promise<unknown[]> {
  const rows = [];
  for await (const row of readDataFile(golden(name))) rows.push("value" in row ? row.value : row.problem);
  return rows;
}

test("nulls, large integers, doubles and the order of fields are as json.dumps writes them", async () => {
  const written = (await values("nested.parquet")).map((row) =>
    toJson(fromJson(structuredClone(exactJson(row))), {
      ensureAscii: false,
      separators: [", ", ": "],
      sortKeys: false,
    }),
  );
  expect(written).toEqual(JSON.parse(readFileSync(golden("nested.json"), "utf8")));
});

test("rows are plain values to all who don't ask", async () => {
  const [first, second] = await values("nested.parquet");
  expect(first).toEqual({
    s: {
      "7": 3,
      "2031": "north",
      a: 1,
      list: [
        { x: 1, y: 2 },
        { x: null, y: 1.0000000150474662e30 },
      ],
      inner: { e: "q" },
    },
    l: [1, null],
    u: "18446744073709551615",
    d: [[1, 2.5], [], null],
  });
  expect(second).toEqual({ s: null, l: null, u: null, d: null });
});
