/** A zip archive of files as they are, without compression (PKWARE's APPNOTE 6.3: stored entries, UTF-8 names). */
export function zip(files: Readonly<Record<string, Uint8Array>>, now = new Date()): Blob {
  const [parts, directory]: [Uint8Array[], Uint8Array[]] = [[], []];
  let [offset, directorySize] = [0, 0];
  for (const [name, bytes] of Object.entries(files)) {
    const nameBytes = new TextEncoder().encode(name);
    const about = fields([
      ...[2, 20, 2, 0x0800, 2, 0], // version, UTF-8 flag, stored
      ...[2, timeOf(now), 2, dateOf(now)],
      ...[4, crc32(bytes), 4, bytes.length, 4, bytes.length],
      ...[2, nameBytes.length, 2, 0],
    ]);
    const local = [fields([4, 0x04034b50]), about, nameBytes, bytes];
    const central = [
      fields([4, 0x02014b50, 2, 20]),
      about,
      fields([2, 0, 2, 0, 2, 0, 4, 0, 4, offset]), // comment, disk, attributes, where the local entry is
      nameBytes,
    ];
    parts.push(...local);
    directory.push(...central);
    offset += sizeOf(local);
    directorySize += sizeOf(central);
  }
  const count = Object.keys(files).length;
  const end = fields([4, 0x06054b50, 2, 0, 2, 0, 2, count, 2, count, 4, directorySize, 4, offset, 2, 0]);
  return new Blob([...parts, ...directory, end] as BlobPart[], { type: "application/zip" });
}

const sizeOf = (parts: readonly Uint8Array[]) => parts.reduce((sum, { length }) => sum + length, 0);

/** Little-endian numbers, given as pairs of size and value. */
function fields(pairs: readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (let i = 0; i < pairs.length; i += 2)
    for (let byte = 0; byte < pairs[i]!; byte++) bytes.push((pairs[i + 1]! / 2 ** (8 * byte)) & 0xff);
  return Uint8Array.from(bytes);
}

const timeOf = (now: Date) => (now.getHours() << 11) | (now.getMinutes() << 5) | (now.getSeconds() >> 1);
const dateOf = (now: Date) => ((now.getFullYear() - 1980) << 9) | ((now.getMonth() + 1) << 5) | now.getDate();

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
