/** What is kept of a run: taken away as a file, or removed. */
import { createReadStream } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { tarOf } from "../../files/tar.ts";
import { ApiError } from "../api_error.ts";
import type { FineTuning } from "../jobs/fine_tuning.ts";
import type { Tasks } from "./tasks.ts";

/** An export of a job: its file, or its directory as a tar archive. @throws ApiError when there is none of this name. */
export async function downloadExport(id: string, name: string, { jobs }: FineTuning): Promise<Response> {
  await jobs.find(id);
  const directory = jobs.pathOf(id, "exports");
  const names: string[] = await readdir(directory).catch(() => []);
  const info = names.includes(name) && !name.startsWith(".") ? await lstat(join(directory, name)) : undefined;
  if (info?.isFile()) return attachment(name, createReadStream(join(directory, name)), info.size);
  if (info?.isDirectory())
    return attachment(`${name}.tar`, Readable.from(tarOf(join(directory, name), name)));
  throw new ApiError({
    status: 404,
    message: `Job ${id} has no export '${name}'.`,
    param: "name",
    reason: "export_not_found",
  });
}

function attachment(name: string, content: Readable, size?: number): Response {
  return new Response(Readable.toWeb(content) as ReadableStream, {
    headers: {
      "content-type": "application/octet-stream",
      "content-disposition": `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
      "x-content-type-options": "nosniff",
      ...(size !== undefined && { "content-length": String(size) }),
    },
  });
}

/** Removes a job with its run, its exports and the model it serves. @throws ApiError while it is worked on. */
export async function removeRun(id: string, { jobs, unserve }: FineTuning, tasks: Tasks): Promise<Response> {
  const job = await jobs.find(id);
  const isUsed = tasks.list().some((task) => task.job === id && ["queued", "running"].includes(task.status));
  if (job.status === "queued" || job.status === "running" || isUsed)
    throw new ApiError({
      status: 409,
      message: `Job ${id} is worked on: cancel it first, and what is done with its result.`,
      reason: "job_in_use",
    });
  await unserve(job);
  await jobs.remove(id);
  return Response.json({ id, object: "fine_tuning.job", deleted: true });
}
