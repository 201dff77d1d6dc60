import koffi from "koffi";

/** Fields of glibc's mallinfo2, each a size_t. */
const FIELDS = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split(" ");

interface MallocInfo {
  /** Bytes of its own mappings, and in use in its arenas. */
  hblkhd: number;
  uordblks: number;
}

/** What the C library's allocator holds. NaN where that isn't glibc. */
export function openMalloc(): { usedBytes(): number } {
  if (process.platform !== "linux") return { usedBytes: () => Number.NaN };
  try {
    const info = koffi.struct(Object.fromEntries(FIELDS.map((name) => [name, "size_t"])));
    const mallinfo2 = koffi.load("libc.so.6").func("mallinfo2", info, []);
    return {
      usedBytes() {
        const { uordblks, hblkhd } = mallinfo2() as MallocInfo;
        return Number(uordblks) + Number(hblkhd);
      },
    };
  } catch {
    return { usedBytes: () => Number.NaN }; // another C library
  }
}
