/** How far a download is. */
export interface HubProgress {
  /** Bytes there, those of earlier downloads included. */
  bytes: number;
  totalBytes: number;
  /** Files there and checked. */
  files: number;
  totalFiles: number;
}

export interface ProgressCounter {
  addBytes(count: number): void;
  addFile(): void;
}

export function createProgressCounter(
  totalBytes: number,
  totalFiles: number,
  onProgress: ((progress: HubProgress) => void) | undefined,
): ProgressCounter {
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
