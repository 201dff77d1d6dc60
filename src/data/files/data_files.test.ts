import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { AttuneError } from "../../text/errors.ts";
import { dataFiles } from "./data_files.ts";

const at = temporaryDirectory();

function write(...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), "{}");
  }
}

const within = async (path: string) => (await dataFiles(at(path))).map((file) => relative(at(path), file));

describe("dataFiles", () => {
  test("a file is itself; so is standard input", async () => {
    write("a.json", "noending");
    expect(await dataFiles(at("a.json"))).toEqual([at("a.json")]);
    expect(await dataFiles(at("noending"))).toEqual([at("noending")]);
    expect(await dataFiles("-")).toEqual(["-"]);
  });

  test("a directory's files of known endings, by name, with those within", async () => {
    write("d/b.jsonl", "d/a.json", "d/c.csv.gz", "d/c.PARQUET", "d/sub/z.txt.zst", "d/10.json", "d/9.json");
    write("d/x.py", "d/noending", "d/.hidden.json", "d/.git/a.json", "d/a.gz");
    write("d/README.md", "d/LICENSE.txt", "d/dataset_infos.json");
    expect(await within("d")).toEqual([
      "10.json",
      "9.json",
      "a.json",
      "b.jsonl",
      "c.PARQUET",
      "c.csv.gz",
      "sub/z.txt.zst",
    ]);
  });

  test("none is an error", async () => {
    write("d/x.py");
    await expect(dataFiles(at("d"))).rejects.toThrow(AttuneError);
    await expect(dataFiles(at("d"))).rejects.toThrow(
      /there are no data files in this directory; expected files that end in \.json/,
    );
    await expect(dataFiles(at("none"))).rejects.toThrow(/none: there is no such file/);
  });

  test("a link that leads out is an error, to a file or to a directory", async () => {
    write("d/a.json", "secret.json", "other/b.json");
    symlinkSync(at("secret.json"), at("d/s.json"));
    await expect(dataFiles(at("d"))).rejects.toThrow(/s\.json: the link leads out of the directory/);
    mkdirSync(at("e"));
    symlinkSync(at("other"), at("e/l"));
    await expect(dataFiles(at("e"))).rejects.toThrow(/leads out/);
    write("f/a.json");
    symlinkSync("..", at("f/up"));
    await expect(dataFiles(at("f"))).rejects.toThrow(/leads out/);
  });

  test("a link within is a file; one to a directory within is no second reading, nor an endless one", async () => {
    write("d/.store/x", "d/sub/a.json");
    symlinkSync(".store/x", at("d/a.json"));
    symlinkSync("..", at("d/sub/loop"));
    expect(await within("d")).toEqual(["a.json", "sub/a.json"]);
  });

  test("a link that leads nowhere is an error", async () => {
    write("d/a.json");
    symlinkSync(at("nowhere"), at("d/b.json"));
    await expect(dataFiles(at("d"))).rejects.toThrow(AttuneError);
  });

  test("a snapshot in the hub's cache links to its blobs", async () => {
    write("datasets--x/blobs/abc");
    mkdirSync(at("datasets--x/snapshots/1f/data"), { recursive: true });
    symlinkSync("../../../blobs/abc", at("datasets--x/snapshots/1f/data/train.json"));
    expect(await within("datasets--x/snapshots/1f")).toEqual(["data/train.json"]);
    expect(await within("datasets--x/snapshots/1f/data")).toEqual(["train.json"]);
  });
});
