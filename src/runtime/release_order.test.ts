import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { startNode } from "../cli/testing/run_cli.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { typeScript } from "../testing/programs.ts";
import { useSwiftShader } from "../testing/swift_shader.ts";

const at = temporaryDirectory();
const missing = useSwiftShader();
const from = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);

/** Releases a session whose output still lies on the device. */
const PROGRAM = `
  import { add } from ${from("../graph/ops/elementwise.ts")};
  import { lower } from ${from("../graph/onnx/lower.ts")};
  import { input } from ${from("../graph/sources.ts")};
  import { openSession } from ${from("node.ts")};
  import { floats } from ${from("tensor_data.ts")};
  const x = input("x", [1]);
  const session = await openSession(lower({ y: add(x, x) }, "gpu"), { device: "webgpu", kept: ["y"] });
  await session.run({ x: floats(Float32Array.of(1)) });
  await session.release();
  console.log("released");`;

/** glibc overwrites what is freed: whoever uses it still, ends. */
const OVERWRITTEN = { MALLOC_PERTURB_: "85" };

test.skipIf(missing)(
  `on WebGPU${missing && ` (skipped: ${missing})`} what lies on the device is freed before the session that owns it`,
  { timeout: 120_000 },
  async () => {
    writeFileSync(at("program.mjs"), PROGRAM);
    const { code, stdout, stderr } = await startNode([...typeScript, at("program.mjs")], "", OVERWRITTEN)
      .ended;
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "released\n", stderr: "" });
  },
);
