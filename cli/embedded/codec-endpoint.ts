/** The codec server of a home, inside the process of `up`: the UI and `sentinel temporal` show large values by it. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PayloadCodec } from '@temporalio/common';
import type { HomeLayout } from '../../contracts/home.js';
import { startCodecServer, type CodecServer } from '../../payloads/codec-server.js';
import { readRecord, writeRecord } from './process-record.js';
import { isFreeSoon } from './server.js';

/** The running codec server. */
export interface CodecEndpoint {
  readonly port: number;
  /** True unless it has the port of an earlier `up` that was killed: servers left by that one know another port, or none. */
  readonly hasMoved: boolean;
  /** From now on the pages of the UI on that port are answered. */
  admitUi(port: number | undefined): void;
  close(): Promise<void>;
}

const WISHED_PORT = 8234;

/** Starts it on the port that it had, or the next free one, and records that in `home/run/codec.json`. */
export async function startCodecEndpoint(
  layout: HomeLayout,
  codec: PayloadCodec,
): Promise<CodecEndpoint> {
  let uiPort: number | undefined;
  const left = await readRecord(layout.processes, 'codec');
  const wished = left?.ports['http'];
  if (wished !== undefined) await isFreeSoon(wished);
  const server = await listen(wished ?? WISHED_PORT, (port) =>
    startCodecServer({ codec, port, uiPort: () => uiPort }),
  );
  await writeRecord(layout.processes, {
    name: 'codec',
    pid: process.pid,
    ports: { http: server.port },
  });
  return {
    port: server.port,
    hasMoved: server.port !== wished,
    admitUi: (port) => (uiPort = port),
    async close() {
      await server.close();
      await rm(join(layout.processes, 'codec.json'), { force: true });
    },
  };
}

/** Takes the next port while one is taken; any where a thousand are. */
async function listen(
  wished: number,
  start: (port: number) => Promise<CodecServer>,
): Promise<CodecServer> {
  for (let port = wished; port < wished + 1_000; port += 1) {
    try {
      return await start(port);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error; // system errors carry a code
    }
  }
  return start(0);
}
