import type { FileStore } from "./file_store.ts";

/** Writes texts anew: what they say of uploaded files goes by the names that their owner gave them. */
export async function namedByOwner(
  { find, contentPath }: FileStore,
  ids: readonly (string | null | undefined)[],
): Promise<(text: string) => string> {
  const known = ids.filter((id) => typeof id === "string");
  const files = await Promise.all(known.map((id) => find(id).catch(() => undefined)));
  const names = files.flatMap((file) => (file ? [[contentPath(file), file.filename] as const] : []));
  return (text) => names.reduce((so, [path, name]) => so.replaceAll(path, name), text);
}
