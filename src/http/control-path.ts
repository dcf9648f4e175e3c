// Where a home's control socket is, and how long its name may be.
import { join, resolve } from 'node:path';
import { NolapseError } from '../domain/errors.ts';

/** sockaddr_un holds 108 bytes on Linux and 104 on macOS and the BSDs, of which one ends the name. */
const pathBytesMax = process.platform === 'linux' ? 107 : 103;

/** The socket of this home. Fails with NolapseError `home_path_too_long`: the kernel would cut the name off unseen. */
export function controlPath(home: string): string {
  const path = join(resolve(home), 'control.sock');
  const bytes = Buffer.byteLength(path);
  if (bytes <= pathBytesMax) return path;
  throw new NolapseError(
    'home_path_too_long',
    `${path} is ${bytes} bytes long and a socket's path at most ${pathBytesMax}: choose a home with a shorter path`,
  );
}
