/** Where the bytes of a file are read from: a disk, memory, a browser's storage. */
export interface ByteSource {
  /** The whole file, where it is in memory anyway. */
  bytes?: Uint8Array;
  /** The whole file, where it is a Blob: nothing of it is in memory until it is read. */
  blob?: Blob;
  /** @param file what the source knows it by. @throws whatever the source says when it isn't there. */
  open(file: string): Promise<OpenBytes>;
}

export interface OpenBytes {
  size: number;
  /** Fills `into` from `position` on, as far as there are bytes. @returns how many were read: 0 at the end */
  read(into: Uint8Array, position: number): Promise<number>;
  close(): Promise<void>;
}

export const bytesInMemory = (bytes: Uint8Array): ByteSource => ({
  bytes,
  open: async () => ({
    size: bytes.length,
    async read(into, position) {
      const part = bytes.subarray(position, position + into.length);
      into.set(part);
      return part.length;
    },
    close: async () => {},
  }),
});

export const bytesInBlob = (blob: Blob): ByteSource => ({
  blob,
  open: async () => ({
    size: blob.size,
    async read(into, position) {
      const part = new Uint8Array(await blob.slice(position, position + into.length).arrayBuffer());
      into.set(part);
      return part.length;
    },
    close: async () => {},
  }),
});
