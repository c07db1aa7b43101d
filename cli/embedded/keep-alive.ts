/** Servers of the home are started again when they die under us; runs go on where they were. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, type ProcessRecord } from './process-record.js';

/** A server that runs, and how to start it again. */
export interface WatchedServer {
  record: ProcessRecord;
  /** Starts it on these ports and no others: its clients know no other address. */
  readonly restart: (ports: ProcessRecord['ports']) => Promise<ProcessRecord>;
}

/**
 * Watches until the result is called, which waits for a restart under way.
 *
 * @param checkMs time between two looks, and between two tries of a restart
 */
export function keepAlive(
  servers: readonly WatchedServer[],
  say: (line: string) => void,
  checkMs = 1_000,
): () => Promise<void> {
  const stopping = new AbortController();

  async function watch(server: WatchedServer): Promise<void> {
    let said: string | undefined;
    while (!stopping.signal.aborted) {
      if (!isAlive(server.record)) {
        const { name, ports } = server.record;
        if (said === undefined) say((said = `the ${name} server ended; starting it again`));
        try {
          server.record = await server.restart(ports);
          said = undefined;
          say(`the ${name} server runs again`);
        } catch (error) {
          const why = error instanceof Error ? error.message : String(error);
          if (why !== said)
            say(`${why}\nthe start of the ${name} server is tried until it succeeds`);
          said = why; // once is enough for the same fault
        }
      }
      await sleep(checkMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }

  const watching = Promise.all(servers.map(watch));
  return async () => {
    stopping.abort();
    await watching;
  };
}
