/** How far a download is. */
export interface HubProgress {
  /** Bytes there, those of earlier downloads included. */
  bytes: number;
  totalBytes: number;
  /** Files there and checked. */
  files: number;
  totalFiles: number;
}

export interface Counter {
  addBytes(count: number): void;
  addFile(): void;
}

export function createCounter(
  totalBytes: number,
  totalFiles: number,
  onProgress: ((progress: HubProgress) => void) | undefined,
): Counter {
  let [bytes, files] = [0, 0];
  const tell = () => onProgress?.({ bytes, totalBytes, files, totalFiles });
  return {
    addBytes(count) {
      bytes += count;
      tell();
    },
    addFile() {
      files++;
      tell();
    },
  };
}
