import { expect, test } from "vitest";
import { ApiError } from "../api_error.ts";
import { orderedId } from "../new_id.ts";
import { byMetadata, pageOf } from "./pages.ts";

const all = ["c", "b", "a"].map((id) => ({ id })); // the newest first
const page = (query: string) => pageOf(all, `http://localhost/x?${query}`, 2, ["order"]);
const ids = (query: string) => page(query).data.map(({ id }) => id);

test("pages follow each other, in both orders", () => {
  expect(page("")).toMatchObject({ data: [{ id: "c" }, { id: "b" }], has_more: true, last_id: "b" });
  expect(page("after=b")).toMatchObject({ data: [{ id: "a" }], has_more: false });
  expect(ids("order=asc")).toEqual(["a", "b"]);
  expect(ids("order=asc&after=b&limit=5")).toEqual(["c"]);
});

test.each([
  ["limit=0", "limit"],
  ["limit=x", "limit"],
  ["order=up", "order"],
  ["after=nope", "after"],
  ["before=b", "before"],
])("%s is refused by its name", (query, param) => {
  const failure = () => {
    try {
      page(query);
    } catch (error) {
      return error;
    }
  };
  expect((failure() as ApiError).fault).toMatchObject({ status: 400, param });
  expect(failure()).toBeInstanceOf(ApiError);
});

test("jobs are found by their metadata", () => {
  const jobs: { metadata: Record<string, string> | null }[] = [
    { metadata: { color: "red", size: "1" } },
    { metadata: { color: "blue" } },
    { metadata: null },
  ];
  const found = (query: string) => byMetadata(jobs, `http://localhost/x?${query}`);
  expect(found("metadata[color]=red&metadata[size]=1")).toEqual([jobs[0]]);
  expect(found("metadata%5Bcolor%5D=blue")).toEqual([jobs[1]]);
  expect(found("metadata=null")).toEqual([jobs[2]]);
  expect(found("")).toEqual(jobs);
});

test("ids sort as they were made", () => {
  const made = Array.from({ length: 3000 }, () => orderedId("file"));
  expect([...made].sort()).toEqual(made);
  expect(new Set(made).size).toBe(3000);
  expect(made[0]).toMatch(/^file-[0-9a-f]{32}$/);
});
