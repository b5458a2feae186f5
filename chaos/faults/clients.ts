import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Fault } from '../fault';
import type { World } from '../world';

/** Sends raw bytes to a gateway and reads no response. */
function sendAndStall(world: World, text: string): () => void {
  const { port } = world.random.pick(world.gateways);
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.pause();
  socket.write(text);
  return () => {
    socket.destroy();
  };
}

/** Faults of misbehaving clients. */
export const clientFaults: readonly Fault[] = [
  {
    name: 'slow readers of exports',
    inject: async (world) => {
      const head = `GET /api/admin/audit-logs/export?format=bundle HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${world.cast.token(1)}\r\n\r\n`;
      const stalled = Array.from({ length: 10 }, () => sendAndStall(world, head));
      await pause(world.random.between(1_000, 2_500));
      for (const close of stalled) close();
      return stalled.length;
    },
  },
  {
    name: 'bodies broken off',
    inject: async (world) => {
      const head = `POST /api/v1/actions/bulk-approve HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5000\r\nAuthorization: Bearer ${world.cast.token(1)}\r\n\r\n{"action_ids": [1`;
      for (let time = 0; time < 40; time += 1) {
        const close = sendAndStall(world, head);
        await pause(world.random.between(1, 30));
        close();
      }
      return 40;
    },
  },
];
