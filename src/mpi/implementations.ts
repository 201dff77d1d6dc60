/** What OpenMPI and MPICH have differently: the names of the library, and what stands for a communicator and a type. */
export interface Implementation {
  name: "OpenMPI" | "MPICH";
  /** Names that the system's loader knows, the likeliest first. */
  libraries: readonly string[];
  /** C type of a communicator and of a data type. */
  handle: "void *" | "int";
  /** Variables of the library, or constants of its ABI. */
  world: string | number;
  byte: string | number;
}

/** The ABI of MPICH is that of Intel MPI, MVAPICH and Cray MPICH, too. Source: mpi.h of both. */
export const IMPLEMENTATIONS: readonly Implementation[] = [
  {
    name: "OpenMPI",
    libraries: ["libmpi.so.40", "libmpi.40.dylib", "libmpi.dylib"],
    handle: "void *",
    world: "ompi_mpi_comm_world",
    byte: "ompi_mpi_byte",
  },
  {
    name: "MPICH",
    libraries: ["libmpich.so.12", "libmpi.so.12", "libmpi_cray.so.12", "libmpi.12.dylib", "libpmpi.12.dylib"],
    handle: "int",
    world: 0x44000000,
    byte: 0x4c00010d,
  },
];

/** What a launcher says to the processes that it starts. */
export interface Launched {
  /** How many processes there are on this machine, where the launcher says so. */
  localSize?: number;
  /** Whose launcher it was, where that is known: `srun` starts either. */
  by?: Implementation["name"];
}

/** Nothing where this process was started by itself. */
export function launchedBy(env: NodeJS.ProcessEnv): Launched | undefined {
  if (number(env.OMPI_COMM_WORLD_SIZE) !== undefined)
    return { by: "OpenMPI", localSize: number(env.OMPI_COMM_WORLD_LOCAL_SIZE) };
  if (number(env.PMI_SIZE) !== undefined && number(env.PMI_RANK) !== undefined)
    return { by: "MPICH", localSize: number(env.MPI_LOCALNRANKS) };
  if (number(env.PMIX_RANK) !== undefined) return {};
  return undefined;
}

function number(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
