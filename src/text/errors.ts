/** An error the user can act on: its message names the place, what was expected, what was found and a way out. */
export class AttuneError extends Error {
  override name = "AttuneError";
}
