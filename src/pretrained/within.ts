import { AttuneError } from "../text/errors.ts";

/** What `read` gives; its errors say in which directory the file lies that is at fault. */
export function within<T>(directory: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof AttuneError)) throw error;
    throw new AttuneError(
      { ...error, place: error.place ? `${directory}/${error.place}` : directory },
      { cause: error.cause },
    );
  }
}
