/** A directory as a tar archive (POSIX.1-1988, ustar), written as it is read: nothing of it is held. */
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

const BLOCK = 512;

/** `name` is what its entries begin with. Links and other things that are no files are left out. */
export async function* tarOf(directory: string, name: string): AsyncGenerator<Uint8Array> {
  yield* entriesOf(directory, name);
  yield new Uint8Array(2 * BLOCK);
}

async function* entriesOf(directory: string, name: string): AsyncGenerator<Uint8Array> {
  const entries = await readdir(directory, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const [path, inner] = [join(directory, entry.name), `${name}/${entry.name}`];
    if (entry.isDirectory()) yield* entriesOf(path, inner);
    if (!entry.isFile()) continue;
    const { size, mtimeMs } = await stat(path);
    yield header(inner, size, Math.floor(mtimeMs / 1000));
    if (size > 0) yield* createReadStream(path, { end: size - 1 });
    if (size % BLOCK > 0) yield new Uint8Array(BLOCK - (size % BLOCK));
  }
}

function header(name: string, size: number, seconds: number): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const [prefix, rest] = splitName(name);
  block.write(rest, 0);
  block.write(octal(0o644, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  writeSize(block, size);
  block.write(octal(seconds, 12), 136);
  block.write(" ".repeat(8), 148); // counted so in the checksum
  block.write("0", 156);
  block.write("ustar\0", 257);
  block.write("00", 263);
  block.write(prefix, 345);
  block.write(
    `${octal(
      block.reduce((sum, byte) => sum + byte, 0),
      7,
    )} `,
    148,
  );
  return block;
}

/** What doesn't fit in octal digits, 8 GiB and more, stands in binary, as GNU's tar writes it. */
function writeSize(block: Buffer, size: number): void {
  if (size < 8 ** 11) return void block.write(octal(size, 12), 124);
  block.writeUInt8(0x80, 124);
  block.writeBigUInt64BE(BigInt(size), 128);
}

const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, "0")}\0`;

/** Names of more than 100 bytes are split at a slash. */
function splitName(name: string): [prefix: string, rest: string] {
  const bytes = (text: string) => Buffer.byteLength(text);
  if (bytes(name) <= 100) return ["", name];
  for (let at = name.indexOf("/"); at > 0; at = name.indexOf("/", at + 1)) {
    const [prefix, rest] = [name.slice(0, at), name.slice(at + 1)];
    if (bytes(rest) <= 100 && bytes(prefix) <= 155) return [prefix, rest];
  }
  throw new Error(`${name} is too long for a tar archive`);
}
