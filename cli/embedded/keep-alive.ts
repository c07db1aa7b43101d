/** Servers of the home are started again when they die under us; runs go on where they were. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, type ProcessRecord } from './process-record.js';

/** A server that runs, and how to start it again on the same ports. */
export interface WatchedServer {
  record: ProcessRecord;
  readonly restart: () => Promise<ProcessRecord>;
}

const CHECK_MS = 1_000;

/** Watches until the result is called, which waits for a restart under way. */
export function keepAlive(
  servers: readonly WatchedServer[],
  say: (line: string) => void,
): () => Promise<void> {
  const stopping = new AbortController();
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      for (const server of servers) {
        if (isAlive(server.record)) continue;
        say(`the ${server.record.name} server ended; starting it again`);
        server.record = await server.restart().catch((error: unknown) => {
          say(error instanceof Error ? error.message : String(error));
          return server.record; // tried again at the next check
        });
      }
      await sleep(CHECK_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();
  return async () => {
    stopping.abort();
    await watching;
  };
}
