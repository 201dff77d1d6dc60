/**
 * A file on its way: NAME.incomplete, as huggingface_hub names it, fetched in parts. How far each part is stands in
 * NAME.incomplete.parts; without that file what is there is the beginning, as a download in one piece leaves it.
 */
import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";

/** The bytes from `start` to before `end`; `done` of them are on the disk. */
export interface FilePart {
  start: number;
  end: number;
  done: number;
}

/** The parts of a file of `size` bytes, with what earlier downloads left of them. */
export async function readParts(partial: string, size: number, partSize: number): Promise<FilePart[]> {
  const there = await stat(partial).catch(() => undefined);
  const noted = there && (await readNote(partial, size));
  if (noted) return noted;
  const beginning = there && there.size <= size ? there.size : 0;
  return cutIntoParts(size, partSize).map((part) => ({ ...part, done: clamp(beginning - part.start, part) }));
}

const clamp = (done: number, { start, end }: FilePart) => Math.max(0, Math.min(done, end - start));

export function cutIntoParts(size: number, partSize: number): FilePart[] {
  const count = Math.ceil(size / partSize);
  return Array.from({ length: count }, (_, i) => ({
    start: i * partSize,
    end: Math.min(size, (i + 1) * partSize),
    done: 0,
  }));
}

const noteName = (partial: string) => `${partial}.parts`;

async function readNote(partial: string, size: number): Promise<FilePart[] | undefined> {
  try {
    const parts: FilePart[] = JSON.parse(await readFile(noteName(partial), "utf8"));
    return isWhole(parts, size) ? parts : undefined;
  } catch {
    return undefined; // none, or none of ours: the checksum decides about what is there
  }
}

function isWhole(parts: FilePart[], size: number): boolean {
  let at = 0;
  for (const { start, end, done } of parts) {
    if (start !== at || !Number.isSafeInteger(end) || end <= start || !(done >= 0 && done <= end - start))
      return false;
    at = end;
  }
  return at === size;
}

/** Notes how far the parts are, whole or not at all. A file in one part needs no note: its length says so. */
export async function noteParts(partial: string, parts: readonly FilePart[]): Promise<void> {
  if (parts.length < 2) return;
  const unfinished = `${noteName(partial)}.new`;
  await writeFile(unfinished, JSON.stringify(parts));
  await rename(unfinished, noteName(partial));
}

export async function removeNote(partial: string): Promise<void> {
  await rm(noteName(partial), { force: true });
}

export async function removePartial(partial: string): Promise<void> {
  await removeNote(partial);
  await rm(partial, { force: true });
}
