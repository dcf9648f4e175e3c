// What becomes of a connection before TLS is up: it is led on to a port, ends, hears nothing, or is answered by a fatal alert.
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export type Welcome = 'pass' | 'alert' | 'close' | 'silence';

/** A record of TLS 1.2 with the fatal alert `certificate_unknown` (RFC 5246, 7.2). */
const alert = Buffer.from([21, 3, 3, 0, 2, 2, 46]);

export class Front {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** `welcome` is asked at each connection, by how many came before it. */
  static async open(target: number, welcome: (number: number) => Welcome): Promise<Front> {
    const server = createServer();
    const front = new Front(server);
    let count = 0;
    server.on('connection', (near) => {
      front.#lead(near, target, welcome(count));
      count += 1;
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return front;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    return address.port;
  }

  #lead(near: Socket, port: number, welcome: Welcome): void {
    this.#keep(near);
    if (welcome === 'pass') {
      const far = connect(port, '127.0.0.1');
      this.#keep(far);
      near.once('close', () => far.destroy()).pipe(far);
      far.once('close', () => near.destroy()).pipe(near);
      return;
    }
    // Its ClientHello was read first, so that nothing is reset.
    near.once('data', () => {
      if (welcome === 'alert') near.end(alert);
      if (welcome === 'close') near.end();
    });
    near.resume();
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  async close(): Promise<void> {
    for (const socket of [...this.#sockets]) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
