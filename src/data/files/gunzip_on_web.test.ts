import { expect, test } from "vitest";
import { gunzipOnWeb } from "./gunzip_on_web.ts";
import { GZIP_FILES } from "./testing/gzip_files.ts";

async function* inPieces(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function unzipped(bytes: Uint8Array, size = 2 ** 18): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of gunzipOnWeb(inPieces(bytes, size))) pieces.push(piece);
  return Buffer.concat(pieces);
}

// Node's own stream reads several members, and gives what it has read later than a browser's, which `browser.test.ts` tests.
test.each(GZIP_FILES.filter(({ name }) => !name.startsWith("data that looks")))(
  "$name",
  async ({ content, bytes }) => {
    for (const size of [1, 7, 1000, 2 ** 18])
      expect((await unzipped(bytes, size)).equals(content), `${size}`).toBe(true);
  },
);

test("a member that is cut or broken is damage, and what can't be read isn't", async () => {
  const two = GZIP_FILES[1]!.bytes;
  const broken = Buffer.from(two);
  broken[two.length - 100]! ^= 0xff;
  for (const bytes of [two.subarray(0, -3), two.subarray(0, 100), broken])
    await expect(unzipped(bytes)).rejects.toMatchObject({ code: "data.damaged-compression" });
  const unreadable = async () => {
    for await (const _ of gunzipOnWeb(failing(two.subarray(0, 1000))));
  };
  await expect(unreadable()).rejects.toThrow("the disk is gone");
});

async function* failing(bytes: Uint8Array) {
  yield bytes;
  throw new Error("the disk is gone");
}
