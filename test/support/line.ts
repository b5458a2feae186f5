import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP connection to a database that a test can disturb. */
export interface Line {
  /** The database's URL, through the line. */
  readonly url: string;
  /** How many connections go through it. */
  readonly connections: number;
  /** Ends every connection and accepts no more, as where the database is gone. */
  cut(): Promise<void>;
  /** Accepts connections again after a cut. */
  mend(): Promise<void>;
  /**
   * Silently stops passing anything on, as a firewall that forgot its connections.
   * @param which the present
   * connections, which stay dead for ever; or all, later ones too, until `thaw`
   */
  freeze(which: 'those there' | 'all'): void;
  /** Passes on what was held back by `freeze('all')`, and everything after. */
  thaw(): void;
  /** Delays each piece by so many milliseconds, in either direction. */
  delay(milliseconds: number): void;
  /**
   * Passes on the next request that contains this text, and nothing of its answer: the connection is dead from then on.
   * @returns resolves once that happened
   */
  loseAnswerTo(text: string): Promise<void>;
}

/** Starts a line to the server of a database's URL. */
export async function makeLine(url: string): Promise<Line> {
  const { hostname, port } = new URL(url);
  const wires = new Set<Wire>();
  let isFrozen = false;
  let delayMs = 0;
  let losing: { text: string; onLost: () => void } | null = null;
  const state: WireState = {
    get isFrozen() {
      return isFrozen;
    },
    get delayMs() {
      return delayMs;
    },
    isToLose: (chunk) => {
      if (losing === null || !chunk.includes(losing.text)) return false;
      losing.onLost();
      losing = null;
      return true;
    },
  };
  const server = createServer((near) => {
    const wire = new Wire(near, connect(Number(port), hostname), state, () => wires.delete(wire));
    wires.add(wire);
  });
  const listen = (at: number): Promise<void> =>
    new Promise((resolve) => {
      server.listen(at, '127.0.0.1', resolve);
    });
  await listen(0);
  const own = (server.address() as AddressInfo).port;
  const through = new URL(url);
  through.host = `127.0.0.1:${String(own)}`;
  return {
    url: through.toString(),
    get connections() {
      return wires.size;
    },
    cut: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const wire of wires) wire.destroy();
      }),
    mend: () => listen(own),
    freeze: (which) => {
      if (which === 'all') isFrozen = true;
      else for (const wire of wires) wire.kill();
    },
    thaw: () => {
      isFrozen = false;
      for (const wire of wires) wire.flush();
    },
    delay: (milliseconds) => {
      delayMs = milliseconds;
    },
    loseAnswerTo: (text) =>
      new Promise((onLost) => {
        losing = { text, onLost };
      }),
  };
}

interface WireState {
  readonly isFrozen: boolean;
  readonly delayMs: number;
  /** Whether this request's answer is to be lost; true once for each. */
  isToLose(chunk: Buffer): boolean;
}

/** One connection through the line. */
class Wire {
  private isDead = false;
  private readonly held: (() => void)[] = [];

  constructor(
    private readonly near: Socket,
    private readonly far: Socket,
    private readonly state: WireState,
    onClose: () => void,
  ) {
    near.on('data', (chunk) => {
      const isLost = !this.isDead && state.isToLose(chunk);
      this.pass(() => far.write(chunk));
      if (isLost) this.isDead = true;
    });
    far.on('data', (chunk) => {
      this.pass(() => near.write(chunk));
    });
    for (const [socket, peer] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.on('error', () => undefined);
      // The end of a dead connection is not passed on either: that is what makes it dead.
      socket.on('close', () => {
        this.pass(() => peer.destroy());
        if (near.destroyed && far.destroyed) onClose();
      });
    }
  }

  /** Passes nothing on any more. */
  kill(): void {
    this.isDead = true;
  }

  flush(): void {
    for (const send of this.held.splice(0)) send();
  }

  destroy(): void {
    this.near.destroy();
    this.far.destroy();
  }

  private pass(send: () => void): void {
    if (this.isDead) return;
    if (this.state.isFrozen) this.held.push(send);
    else if (this.state.delayMs > 0) setTimeout(send, this.state.delayMs);
    else send();
  }
}
