// Takes a home's control socket: readable and writable by its owner alone from the moment it exists, and never from under
// a broker that is alive.
import { once } from 'node:events';
import { chmod, lstat, unlink } from 'node:fs/promises';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { NolapseError } from '../domain/errors.ts';

const ownerOnly = 0o600;
const probeMs = 2_000;

/** Does anybody accept connections there? */
export async function isAnswering(path: string): Promise<boolean> {
  const socket = connect(path);
  socket.setTimeout(probeMs);
  try {
    return await new Promise<boolean>((resolve, reject) => {
      socket.once('connect', () => resolve(true));
      // Somebody holds the socket, and is too busy to say so.
      socket.once('timeout', () => resolve(true));
      socket.once('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(false);
        else if (error.code === 'EAGAIN') resolve(true);
        else reject(error);
      });
    });
  } finally {
    socket.destroy();
  }
}

/** Binds and listens with the mask set only while it does: Node binds a path before `listen` returns. */
async function bind(server: Server, path: string): Promise<void> {
  const before = process.umask(0o777 & ~ownerOnly);
  try {
    server.listen(path);
  } finally {
    process.umask(before);
  }
  await once(server, 'listening');
}

/** Takes away what a dead process left. Fails with NolapseError `home_in_use`, or `not_a_socket` when it is something else. */
async function clear(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null);
  if (!found) return;
  if (!found.isSocket()) throw new NolapseError('not_a_socket', `${path} is in the way and is not a socket`);
  if (await isAnswering(path)) {
    throw new NolapseError('home_in_use', `another gateway runs on this home: it answers at ${path}`);
  }
  const still = await lstat(path).catch(() => null);
  if (still?.ino === found.ino) await unlink(path);
}

/** Makes the server listen at `path`, in place of a dead process's socket if there is one. */
export async function listenAt(server: Server, path: string): Promise<void> {
  try {
    await bind(server, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    await clear(path);
    await bind(server, path);
  }
  await chmod(path, ownerOnly);
}
