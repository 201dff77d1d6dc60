import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";

/** The studio's built files, read once: what is not among them is not served, whatever a path says. */
export interface Page {
  /** undefined for what is no file of it. */
  answer(request: Request): Response | undefined;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Nothing is loaded from elsewhere, sent elsewhere, or shown within another site's page. */
const HEADERS = {
  "content-security-policy":
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

export function openPage(directory: string): Page {
  let files: Map<string, Uint8Array<ArrayBuffer>> | undefined;
  return {
    answer({ method, url }) {
      if (method !== "GET" && method !== "HEAD") return undefined;
      const { pathname } = new URL(url);
      files ??= readFiles(directory);
      if (files.size === 0) return pathname === "/" ? notBuilt() : undefined;
      const name = pathname === "/" ? "/index.html" : pathname;
      const bytes = files.get(name);
      if (!bytes) return undefined;
      const headers = {
        ...HEADERS,
        "content-type": TYPES[extname(name)]!,
        // The others' names hold a hash of what is in them.
        "cache-control": name === "/index.html" ? "no-cache" : "public, max-age=31536000, immutable",
      };
      return new Response(method === "HEAD" ? null : bytes, { headers });
    },
  };
}

function readFiles(directory: string): Map<string, Uint8Array<ArrayBuffer>> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const entry of entriesOf(directory))
    if (entry.isFile() && TYPES[extname(entry.name)]) {
      const path = join(entry.parentPath, entry.name);
      files.set(
        `/${path.slice(directory.length + 1).replaceAll("\\", "/")}`,
        new Uint8Array(readFileSync(path)),
      );
    }
  return files;
}

function entriesOf(directory: string) {
  try {
    return readdirSync(directory, { recursive: true, withFileTypes: true });
  } catch {
    return [];
  }
}

const notBuilt = () =>
  new Response("The studio is not built here: npm run build makes it.\n", {
    status: 404,
    headers: { ...HEADERS, "content-type": "text/plain; charset=utf-8" },
  });
