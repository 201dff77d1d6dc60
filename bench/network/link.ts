/**
 * A switch of `size` hosts, each on a link of its own: packets of TUN devices, passed on at the link's rate and after its delay.
 * It stands in for `tc netem`, which not every kernel has. Runs as root until standard input ends.
 *
 *   npx tsx bench/network/link.ts SIZE GIGABITS MILLISECONDS
 *
 * Host i is the namespace attune-i with the address 10.77.0.(i + 1). Prints "ready" when all are there, and at the end how
 * late packets were on average: where that is not far below the delay, figures are of this machine, not of the link.
 */
import { execFileSync } from "node:child_process";
import { openSync, read, writeSync } from "node:fs";
import koffi from "koffi";

const [size, gigabits, milliseconds] = process.argv.slice(2).map(Number) as [number, number, number];
const MTU = 32_768; // few packets, so that passing them on takes little of the processor
const HEADER = 4; // flags and protocol, before each packet
const DESTINATION = 16; // in an IPv4 header

const ioctl = koffi.load(null).func("int ioctl(int, unsigned long, void *)");
const TUNSETIFF = 0x400454ca;
const IFF_TUN = 1;

const ip = (...words: string[]) => execFileSync("ip", words, { stdio: ["ignore", "ignore", "inherit"] });

/** A device whose other end is this process, in a namespace of its own. */
function openHost(i: number): number {
  const [name, space] = [`attune${i}`, `attune-${i}`];
  const device = openSync("/dev/net/tun", "r+");
  const request = Buffer.alloc(40); // struct ifreq: a name of 16 bytes, flags
  request.write(name);
  request.writeInt16LE(IFF_TUN, 16);
  if (ioctl(device, TUNSETIFF, request) !== 0) throw new Error("no TUN device: run it as root");
  ip("netns", "add", space);
  ip("link", "set", name, "netns", space);
  const inside = (...words: string[]) => ip("-n", space, ...words);
  inside("link", "set", "lo", "up");
  inside("link", "set", name, "mtu", String(MTU), "up");
  inside("address", "add", `10.77.0.${i + 1}/24`, "dev", name);
  return device;
}

interface Packet {
  due: number;
  to: number;
  bytes: Buffer;
}

const devices = Array.from({ length: size }, (_, i) => openHost(i));
/** When each host's cable is free again, in either direction. */
const [outFree, inFree] = [new Float64Array(size), new Float64Array(size)];
/** Of each host, in order. */
const waiting: Packet[][] = devices.map(() => []);
let isPassing = false;
let [passed, late] = [0, 0];

function pass(): void {
  const now = performance.now();
  let isEmpty = true;
  for (const queue of waiting) {
    while (queue[0] && queue[0].due <= now) {
      const { due, to, bytes } = queue.shift()!;
      passed++;
      late += now - due;
      writeSync(devices[to]!, bytes);
    }
    isEmpty &&= queue.length === 0;
  }
  isPassing = !isEmpty;
  if (isPassing) setImmediate(pass);
}

function take(from: number, bytes: Buffer): void {
  const to = bytes[HEADER + DESTINATION + 3]! - 1;
  if (bytes[HEADER]! >> 4 !== 4 || !(to < size)) return; // other than IPv4 to a host
  const takes = (8 * (bytes.length - HEADER)) / (gigabits * 1e6); // ms
  const sent = Math.max(performance.now(), outFree[from]!) + takes;
  outFree[from] = sent;
  inFree[to] = Math.max(sent, inFree[to]! + takes);
  waiting[to]!.push({ due: inFree[to]! + milliseconds, to, bytes });
  if (!isPassing) {
    isPassing = true;
    setImmediate(pass);
  }
}

function listen(i: number): void {
  const room = Buffer.alloc(HEADER + MTU);
  read(devices[i]!, room, 0, room.length, null, (error, length) => {
    if (error) return;
    take(i, Buffer.from(room.subarray(0, length)));
    listen(i);
  });
}

process.stdin.resume().on("end", () => {
  for (let i = 0; i < size; i++) ip("netns", "delete", `attune-${i}`);
  console.log(`the link: ${passed} packets, ${(late / passed).toFixed(2)} ms late on average`);
  process.exit();
});
for (let i = 0; i < size; i++) listen(i);
console.log("ready");
