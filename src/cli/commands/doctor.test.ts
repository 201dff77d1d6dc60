import { expect, test } from "vitest";
import { startCli } from "../testing/run_cli.ts";

const doctor = (env: NodeJS.ProcessEnv) => startCli(["doctor"], "", env).ended;

test("shows the machine, the runtime and what may be sent, and never a token", async () => {
  const { code, stdout, stderr } = await doctor({ ORT_DISABLE_TELEMETRY: undefined, HF_TOKEN: "hf_secret" });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain(process.version);
  expect(stdout).toMatch(/^runtime +ONNX Runtime 1\.\d+\.\d+, built for cpu/m);
  expect(stdout).toMatch(/^telemetry +off/m);
  expect(stdout).toMatch(/^hub +offline, a token is set; cache /m);
  expect(stdout).not.toContain("hf_secret");
});

test("says so when telemetry is on, and what a setting can't be", async () => {
  const { code, stdout } = await doctor({ ORT_DISABLE_TELEMETRY: "0", HF_ENDPOINT: "nowhere" });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^telemetry +on/m);
  expect(stdout).toMatch(/^hub +HF_ENDPOINT/m);
});
