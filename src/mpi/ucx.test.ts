import { expect, test } from "vitest";
import { settleUcx } from "./ucx.ts";

test("UCX doesn't watch memory, unless someone has set that it does", () => {
  const [unset, set]: NodeJS.ProcessEnv[] = [{ HOME: "/" }, { UCX_MEM_EVENTS: "y" }];
  settleUcx(unset!);
  settleUcx(set!);
  expect(unset).toEqual({ HOME: "/", UCX_MEM_EVENTS: "n", UCX_HANDLE_ERRORS: "none" });
  expect(set).toEqual({ UCX_MEM_EVENTS: "y", UCX_HANDLE_ERRORS: "none" });
});
