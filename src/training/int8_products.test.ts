import { expect, test } from "vitest";
import { openSession } from "../runtime/node.ts";
import type { OpenSession } from "../runtime/session.ts";
import { requireExactInt8 } from "./int8_products.ts";

const options = { device: "cpu", threads: 1 } as const;

test("products of this machine are exact", async () => {
  await requireExactInt8(openSession, options);
});

test("a machine that cuts sums off at 16 bits is refused, and its session released", async () => {
  let released = false;
  const cut: OpenSession = async (...words) => {
    const session = await openSession(...words);
    return {
      ...session,
      async run(feeds) {
        const { y } = await session.run(feeds);
        y!.data[0] = 32 * 32_767;
        return { y: y! };
      },
      async release() {
        released = true;
        await session.release();
      },
    };
  };
  await expect(requireExactInt8(cut, options)).rejects.toThrow(/compute: .*no VNNI.*Leave compute out/s);
  expect(released).toBe(true);
});
