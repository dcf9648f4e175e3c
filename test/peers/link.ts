// A way from one process to another that a test can cut: a TCP proxy that breaks its connections and lets none through until it
// is mended, that loses what the target says, or that leaves all after the first few without an answer.
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export class Link {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;
  /** Called with what the target says, which is lost; null: it is handed on. */
  #losing: (() => void) | null = null;
  #left: number;

  private constructor(server: Server, connections: number) {
    this.#server = server;
    this.#left = connections;
  }

  /**
   * `target` gives the port on the loopback to lead to, asked at each connection. What comes after so many connections is
   * accepted and hears nothing.
   */
  static async open(target: () => number, connections = Number.POSITIVE_INFINITY): Promise<Link> {
    const server = createServer();
    const link = new Link(server, connections);
    server.on('connection', (near) => link.#lead(near, target()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return link;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    return address.port;
  }

  #lead(near: Socket, port: number): void {
    if (this.#isCut) return void near.destroy();
    this.#keep(near);
    if (this.#left === 0) return void near.resume();
    this.#left -= 1;
    const far = connect(port, '127.0.0.1');
    this.#keep(far);
    near.once('close', () => far.destroy()).pipe(far);
    far.once('close', () => near.destroy());
    far.on('data', (chunk) => (this.#losing ? this.#losing() : near.write(chunk)));
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  /** From now on, until it is cut, whatever the target says is lost, and the target takes it for sent. Resolves with the first of it. */
  lose(): Promise<void> {
    return new Promise((resolve) => {
      this.#losing = resolve;
    });
  }

  cut(): void {
    this.#isCut = true;
    this.#losing = null;
    for (const socket of [...this.#sockets]) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
