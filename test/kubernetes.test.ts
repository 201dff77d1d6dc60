import { readdirSync, readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { KUBERNETES_SCHEMAS } from "./testing/kubernetes_schemas.ts";

interface Resource {
  kind: string;
  // biome-ignore lint/suspicious/noExplicitAny: what the tests change is anything
  spec: any;
}

const folder = new URL("../examples/kubernetes/", import.meta.url);
const resources = readdirSync(folder).flatMap((file) =>
  parseAllDocuments(readFileSync(new URL(file, folder), "utf8"), { strict: true }).map((document) => ({
    file,
    resource: document.toJS() as Resource,
  })),
);
const ajv = new Ajv2020({ allErrors: true });

function problems(resource: Resource): string[] {
  const schema = KUBERNETES_SCHEMAS[resource.kind];
  if (!schema) return [`no schema of ${resource.kind}`];
  const isValid = ajv.compile(schema);
  isValid(resource);
  return (isValid.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}

const ofKind = (kind: string): Resource =>
  structuredClone(resources.find(({ resource }) => resource.kind === kind)!.resource);

describe("the manifests for Kubernetes", () => {
  test.each(resources.map(({ file, resource }) => [`${file}: ${resource.kind}`, resource] as const))(
    "%s is as its CRD wants it",
    (_, resource) => expect(problems(resource)).toEqual([]),
  );

  test("are of all three kinds", () =>
    expect(resources.map(({ resource }) => resource.kind).sort()).toEqual(
      Object.keys(KUBERNETES_SCHEMAS).sort(),
    ));

  test("mount the volumes that they have, and refer to the runtime that is there", () => {
    const runtime = ofKind("ClusterTrainingRuntime") as Resource & { metadata: { name: string } };
    expect(ofKind("TrainJob").spec.runtimeRef.name).toBe(runtime.metadata.name);
    const pods = [
      ...runtime.spec.template.spec.replicatedJobs.map((job: Resource) => job.spec ?? job),
      ...Object.values(ofKind("MPIJob").spec.mpiReplicaSpecs),
    ].map((held) => held.template.spec.template?.spec ?? held.template.spec);
    for (const { containers, volumes = [] } of pods)
      for (const { volumeMounts = [] } of containers)
        for (const { name } of volumeMounts)
          expect(volumes).toContainEqual(expect.objectContaining({ name }));
  });
});

test.each<[kind: string, what: string, change: (spec: Resource["spec"]) => void]>([
  ["TrainJob", "a misspelt field", (spec) => Object.assign(spec.trainer, { numnodes: 2 })],
  ["TrainJob", "no runtime", (spec) => delete spec.runtimeRef],
  ["ClusterTrainingRuntime", "another MPI", (spec) => (spec.mlPolicy.mpi.mpiImplementation = "LAM")],
  [
    "ClusterTrainingRuntime",
    "a job without a name",
    (spec) => delete spec.template.spec.replicatedJobs[0].name,
  ],
  ["MPIJob", "no launcher", (spec) => delete spec.mpiReplicaSpecs.Launcher],
  ["MPIJob", "a number as text", (spec) => (spec.mpiReplicaSpecs.Worker.replicas = "2")],
  [
    "MPIJob",
    "a quantity that is none",
    (spec) => (spec.mpiReplicaSpecs.Worker.template.spec.containers[0].resources.limits.memory = "16 GB"),
  ],
])("%s with %s is refused", (kind, _, change) => {
  const resource = ofKind(kind);
  change(resource.spec);
  expect(problems(resource)).not.toEqual([]);
});
