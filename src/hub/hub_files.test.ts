import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hubFiles } from "./hub_files.ts";

const SHA = "0123456789abcdef0123456789abcdef01234567";
const SHARDED = [
  ...["model.safetensors.index.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
];
/** Names of files, by what is asked for after /api/models/. */
const ANSWERS: Record<string, string[]> = {
  "org/model/revision/main": [
    ...["README.md", "config.json", "tokenizer.json", "vocab.json", "merges.txt", "tokenizer.model"],
    ...["additional_chat_templates/tool use.jinja", "onnx/model.onnx", "original/params.json", ...SHARDED],
  ],
  "org/model/revision/refs%2Fpr%2F1": ["config.json", "model.safetensors"],
  "org/pickled/revision/main": ["config.json", "pytorch_model.bin"],
  "org/adapter/revision/main": ["adapter_config.json", "adapter_model.safetensors", "README.md"],
};
const server = createServer(({ url }, response) => {
  const answer = ANSWERS[url!.replace("/api/models/", "")];
  if (url === "/api/models/org/odd/revision/main") response.end('{ "sha": "main", "siblings": [] }');
  else if (!answer) response.writeHead(404).end();
  else response.end(JSON.stringify({ sha: SHA, siblings: answer.map((rfilename) => ({ rfilename })) }));
});
beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
afterAll(() => void server.close());

const listed = (name: string) => {
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return hubFiles(name, { endpoint });
};

test("of a model what a page reads, at the commit that was listed", async () => {
  const files = await listed("org/model");
  const read = ["config.json", "tokenizer.json", "additional_chat_templates/tool use.jinja", ...SHARDED];
  expect(Object.keys(files).sort()).toEqual(read.sort());
  const { pathname } = files["additional_chat_templates/tool use.jinja"]!;
  expect(pathname).toBe(`/org/model/resolve/${SHA}/additional_chat_templates/tool%20use.jinja`);
});

test("of another revision, and of an adapter", async () => {
  expect(Object.keys(await listed("org/model@refs/pr/1"))).toEqual(["config.json", "model.safetensors"]);
  expect(Object.keys(await listed("org/adapter")).sort()).toEqual([
    ...["adapter_config.json", "adapter_model.safetensors"],
  ]);
});

test.each([
  ["org/none", "files.not-fetched", "the server answered 404"],
  ["org/pickled", "hub.no-weights", "pytorch_model.bin"],
  ["org/odd", "hub.unknown-answer", "sha"],
  ["a/b/c", "hub.wrong-name", "one slash at most"],
  ["../../etc", "hub.wrong-name", "not the name of a model"],
  ["modelscope:org/model", "hub.not-for-pages", "ModelScope"],
])("%s: %s", async (name, code, why) => {
  await expect(listed(name)).rejects.toMatchObject({ code });
  await expect(listed(name)).rejects.toThrow(why);
});
