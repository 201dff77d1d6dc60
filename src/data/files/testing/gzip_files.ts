import { deflateRawSync, gzipSync } from "node:zlib";

const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `{"text": "line ${((i + from) * 7919) % 10007}"}\n`).join("");

const PARTS = [lines(0, 1000), lines(1000, 4000), lines(4000, 5000)];

/** As bgzip writes it: the block's size stands in an extra field of the header. */
function block(text: string): Buffer {
  const body = deflateRawSync(text);
  const header = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, 0x42, 0x43, 2, 0, 0, 0]);
  header.writeUInt16LE(header.length + body.length + 7, 16);
  return Buffer.concat([header, body, gzipSync(text).subarray(-8)]);
}

/** Headers of members, and before each what could be a member's length. */
const likeHeaders = Buffer.from(
  Array.from({ length: 200 }, (_, i) => [i, 0, 0, 0, 0x1f, 0x8b, 8, i % 32]).flat(),
);

interface GzipFile {
  name: string;
  content: Buffer;
  bytes: Buffer;
}

export const GZIP_FILES: GzipFile[] = [
  { name: "one member", content: Buffer.from(lines(0, 5000)), bytes: gzipSync(lines(0, 5000)) },
  {
    name: "three members",
    content: Buffer.from(PARTS.join("")),
    bytes: Buffer.concat(PARTS.map((part) => gzipSync(part))),
  },
  {
    name: "bgzip's blocks, the last one empty",
    content: Buffer.from(PARTS.join("")),
    bytes: Buffer.concat([...PARTS, ""].map(block)),
  },
  {
    name: "an empty member before another",
    content: Buffer.from("a"),
    bytes: Buffer.concat([gzipSync(""), gzipSync("a")]),
  },
  {
    name: "data that looks like headers",
    content: Buffer.concat([likeHeaders, likeHeaders]),
    bytes: Buffer.concat([likeHeaders, likeHeaders].map((part) => gzipSync(part, { level: 0 }))),
  },
];
