import { createHash } from "node:crypto";
import { writeFileAtomic } from "../../files/atomic.ts";
import { indexIn, type SequenceBlock } from "./sequence_block.ts";
import { COLUMN_WORD, COLUMNS, encodeHeader, HEADER_SIZE, type Tail } from "./sequence_file_header.ts";

/**
 * Writes a file of sequences, which appears whole or not at all. Memory grows by the index alone, 16 bytes a sequence.
 * @param fill appends the sequences and returns the metadata. What it throws comes through.
 * @throws AttuneError when the disk refuses.
 */
export async function writeSequenceFile(
  path: string,
  fill: (append: (block: SequenceBlock) => Promise<void>) => Promise<unknown>,
): Promise<void> {
  await writeFileAtomic(path, async (file) => {
    const hash = createHash("sha256");
    const index = indexBuilder();
    let recordBytes = 0;
    await file.writeFile(new Uint8Array(HEADER_SIZE)); // its counts are known at the end
    const metadata = await fill(async (block) => {
      index.add(block);
      hash.update(block.records);
      recordBytes += block.records.length;
      await file.writeFile(block.records);
    });

    const { columns, names } = index.finish();
    const [tokens, runs] = columns as [Buffer, Buffer];
    const allColumns = Buffer.concat(columns);
    const tail = Buffer.from(JSON.stringify({ names, metadata } satisfies Tail));
    const header = {
      sequences: tokens.length / COLUMN_WORD,
      recordBytes,
      tailBytes: tail.length,
      hash: hash.update(tokens).update(runs).digest(),
    };
    await file.writeFile(allColumns);
    await file.writeFile(tail);
    await file.write(encodeHeader(header, allColumns, tail), 0, HEADER_SIZE, 0);
  });
}

function indexBuilder() {
  const names = new Map<string, number>();
  const columns = COLUMNS.map((): Uint8Array[] => []);
  return {
    add(block: SequenceBlock): void {
      const indices = block.names.map((name) => indexIn(names, name));
      const own = { ...block, files: block.files.map((name) => indices[name]!) };
      COLUMNS.forEach((column, i) => {
        columns[i]!.push(new Uint8Array(own[column].buffer));
      });
    },
    finish: () => ({ columns: columns.map((parts) => Buffer.concat(parts)), names: [...names.keys()] }),
  };
}
