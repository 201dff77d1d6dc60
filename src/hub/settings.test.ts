import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readHubSettings } from "./settings.ts";

test("defaults are those of huggingface_hub and modelscope", async () => {
  expect(await readHubSettings({ HOME: "/home/me" })).toEqual({
    endpoint: "https://huggingface.co",
    token: undefined,
    cache: "/home/me/.cache/huggingface/hub",
    offline: false,
    useModelScope: false,
    modelScope: {
      endpoint: "https://www.modelscope.cn",
      token: undefined,
      cache: "/home/me/.cache/modelscope/hub",
    },
  });
});

test.each([
  [{ HF_HOME: "/big/hf" }, "/big/hf/hub"],
  [{ HF_HOME: "~/hf" }, "/home/me/hf/hub"],
  [{ HF_HOME: "$DISK/hf", DISK: "/d" }, "/d/hf/hub"],
  [{ XDG_CACHE_HOME: "/xdg" }, "/xdg/huggingface/hub"],
  [{ HF_HOME: "/big", HF_HUB_CACHE: "/cache" }, "/cache"],
  [{ HUGGINGFACE_HUB_CACHE: "/old" }, "/old"],
])("the cache with %j", async (env, cache) => {
  expect((await readHubSettings({ HOME: "/home/me", ...env })).cache).toBe(cache);
});

test("the token: HF_TOKEN, its older name, the file of `hf auth login`", async () => {
  const home = await mkdtemp(join(tmpdir(), "attune-hub-"));
  await writeFile(join(home, "token"), "hf_file\n");
  const token = async (env: Record<string, string>) =>
    (await readHubSettings({ HF_HOME: home, ...env })).token;
  expect(await token({})).toBe("hf_file");
  expect(await token({ HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" })).toBeUndefined();
  expect(await token({ HUGGING_FACE_HUB_TOKEN: "hf_old" })).toBe("hf_old");
  expect(await token({ HUGGING_FACE_HUB_TOKEN: "hf_old", HF_TOKEN: " hf_new\n" })).toBe("hf_new");
  const error = await token({ HF_TOKEN: "hf_séc\u0001ret" }).catch((caught) => caught);
  expect(error.message).toBe("HF_TOKEN: the token has characters that no token has. Copy it again.");
  await rm(home, { recursive: true });
});

test("mirrors and offline", async () => {
  const env = {
    HF_ENDPOINT: "https://hf-mirror.com/",
    TRANSFORMERS_OFFLINE: "yes",
    MODELSCOPE_DOMAIN: "ms.ai",
  };
  const settings = await readHubSettings({ HOME: "/h", ...env });
  expect(settings.endpoint).toBe("https://hf-mirror.com");
  expect(settings.offline).toBe(true);
  expect(settings.modelScope.endpoint).toBe("https://ms.ai");
});

test.each(["hf-mirror.com", "ftp://x", "https://me:secret@x.org"])(
  "HF_ENDPOINT %s is refused",
  async (address) => {
    const error = await readHubSettings({ HOME: "/h", HF_ENDPOINT: address }).catch((caught) => caught);
    expect(error.message).toMatch(/HF_ENDPOINT: expected the address of a hub/);
    expect(error.message).not.toContain("secret");
  },
);
