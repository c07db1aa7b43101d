import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { installation } from '../../dist/activities/installation.js';

/** Where the workers of a home write. */
export function workerLog(layout) {
  return join(layout.home, 'worker.log');
}

/** Starts the worker of an installation, without a registry; resolves with its process and how to end it, once it polls. */
export async function startWorker(layout, temporal, ...args) {
  const log = await open(workerLog(layout), 'a');
  const worker = spawn(
    process.execPath,
    [
      installation.workerEntry,
      ...['--home', layout.home, '--temporal', temporal, ...args],
      ...['--mlflow', 'http://127.0.0.1:9'], // no task of a proof asks the registry
    ],
    { stdio: ['ignore', log.fd, log.fd, 'ipc'] },
  );
  await log.close();
  await once(worker, 'message'); // it is ready
  return {
    process: worker,
    async stop() {
      if (worker.exitCode !== null || worker.signalCode !== null) return;
      worker.kill('SIGTERM');
      await once(worker, 'close');
    },
  };
}
