import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/** How a link treats the bytes between a gateway and its database. */
export type LinkState =
  /** Bytes pass. */
  | 'open'
  /** Nothing passes, and connections stay open and silent. */
  | 'frozen'
  /** Each chunk is delayed. */
  | 'slow'
  /** Existing connections are closed, and new ones immediately. */
  | 'closed'
  /** Existing connections are reset, and new ones immediately. */
  | 'reset'
  /** Requests arrive, responses do not. */
  | 'answers lost'
  /** The first half of the next response arrives, then the connection ends. */
  | 'answers truncated';

/** The delay of a chunk on a slow link, in milliseconds. */
const SLOW = 120;

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

/** A TCP proxy in front of a database, which simulates network faults. */
export class Link {
  private state: LinkState = 'open';
  private readonly pairs = new Set<Pair>();

  private constructor(
    private readonly listener: Server,
    private target: number,
  ) {}

  /** Opens a link. @param target port on 127.0.0.1 */
  static async to(target: number): Promise<Link> {
    const listener = createServer();
    const link = new Link(listener, target);
    listener.on('connection', (client) => {
      link.accept(client);
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    return link;
  }

  get port(): number {
    return (this.listener.address() as AddressInfo).port;
  }

  /** Changes the state, for existing and new connections. */
  set(state: LinkState): void {
    this.state = state;
    for (const { client, server } of this.pairs) {
      if (state === 'closed') [client, server].forEach((socket) => socket.destroy());
      if (state === 'reset') [client, server].forEach((socket) => socket.resetAndDestroy());
      if (state === 'frozen') [client, server].forEach((socket) => socket.pause());
      else [client, server].forEach((socket) => socket.resume());
    }
  }

  /** Directs new connections to another server; existing ones are ended. */
  retarget(target: number): void {
    this.target = target;
    for (const { client, server } of this.pairs) [client, server].forEach((socket) => socket.destroy());
  }

  async close(): Promise<void> {
    this.set('closed');
    await new Promise((resolve) => this.listener.close(resolve));
  }

  private accept(client: Socket): void {
    client.on('error', () => undefined);
    if (this.state === 'closed') client.destroy();
    if (this.state === 'reset') client.resetAndDestroy();
    if (client.destroyed) return;
    const server = connect(this.target, '127.0.0.1');
    server.on('error', () => undefined);
    const pair = { client, server };
    this.pairs.add(pair);
    client.on('data', (chunk) => {
      this.forward(pair, chunk, 'request');
    });
    server.on('data', (chunk) => {
      this.forward(pair, chunk, 'answer');
    });
    for (const socket of [client, server])
      socket.on('close', () => {
        this.pairs.delete(pair);
        client.destroy();
        server.destroy();
      });
    if (this.state === 'frozen') [client, server].forEach((socket) => socket.pause());
  }

  private forward({ client, server }: Pair, chunk: Buffer, kind: 'request' | 'answer'): void {
    const to = kind === 'request' ? server : client;
    if (this.state === 'slow') {
      setTimeout(() => {
        if (!to.destroyed) to.write(chunk);
      }, SLOW);
      return;
    }
    if (kind === 'answer' && this.state === 'answers lost') return;
    if (kind === 'answer' && this.state === 'answers truncated') {
      client.end(chunk.subarray(0, Math.floor(chunk.length / 2)));
      server.destroy();
      return;
    }
    to.write(chunk);
  }
}
