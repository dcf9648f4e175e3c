// Ends the process, also where one of its threads waits in the kernel for a disk, a terminal or a name server: an ordinary exit would wait
// with it.

/** What Node's threads do, as Node names it. */
const threadWork: ReadonlySet<string> = new Set([
  'FSReqCallback',
  'FSReqPromise',
  'GetAddrInfoReqWrap',
  'GetNameInfoReqWrap',
]);

/** Exits with this code, or by SIGTERM, which no thread holds up, where a thread is still at work. */
export function leave(code: number | string | null | undefined): void {
  if (process.getActiveResourcesInfo().some((name) => threadWork.has(name))) {
    process.removeAllListeners('SIGTERM');
    process.kill(process.pid, 'SIGTERM');
  }
  process.exit(code);
}

/** Leaves after so long, unless the process has ended by itself by then. */
export function leaveWithin(ms: number): void {
  setTimeout(() => leave(process.exitCode), ms).unref();
}
