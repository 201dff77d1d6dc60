import { expect, test } from "vitest";
import { openSession } from "./node.ts";
import { selfCheck } from "./self_check.ts";
import type { OpenSession } from "./session.ts";

test("a device that computes passes, one whose numbers are wrong doesn't, and each session is released", async () => {
  await selfCheck(openSession, "cpu");
  let released = 0;
  const broken: OpenSession = async (model, options) => {
    const session = await openSession(model, options);
    return {
      ...session,
      async run(feeds) {
        const { columns, ...rest } = await session.run(feeds);
        return { ...rest, columns: { ...columns!, data: new Float32Array(2) } };
      },
      release: () => session.release().then(() => void released++),
    };
  };
  await expect(selfCheck(broken, "cpu")).rejects.toMatchObject({
    code: "runtime.wrong-numbers",
    message: expect.stringContaining("expected 4, 14, got 0, 0"),
  });
  expect(released).toBe(1);
});
