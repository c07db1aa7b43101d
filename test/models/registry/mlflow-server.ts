/**
 * A real MLflow server in a temporary folder, for the tests.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const PROGRAM = join(import.meta.dirname, '../../../.cache/setup/venv/bin/mlflow');

/** Starts it on a free port (about 6 s); `stop` ends its whole process group and removes the folder. */
export async function startMlflow(): Promise<{ baseUrl: string; stop: () => Promise<void> }> {
  const home = mkdtempSync(join(tmpdir(), 'sentinel-mlflow-'));
  const port = await freePort();
  const log: string[] = [];
  const child = spawn(
    PROGRAM,
    [
      ...['server', '--host', '127.0.0.1', '--port', String(port), '--workers', '1'],
      ...['--backend-store-uri', `sqlite:///${home}/mlflow.db`],
      ...['--serve-artifacts', '--artifacts-destination', join(home, 'artifacts')],
    ],
    {
      cwd: home,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
        MLFLOW_DISABLE_TELEMETRY: 'true',
      },
    },
  );
  child.stdout.on('data', (text: Buffer) => log.push(text.toString()));
  child.stderr.on('data', (text: Buffer) => log.push(text.toString()));
  const stop = async () => {
    await endGroup(child);
    rmSync(home, { recursive: true, force: true });
  };
  const baseUrl = `http://127.0.0.1:${port}`;
  for (let i = 0; i < 300; i++) {
    if (child.exitCode !== null) break;
    const answer = await fetch(`${baseUrl}/health`).catch(() => undefined);
    if (answer?.ok === true) return { baseUrl, stop };
    await sleep(200);
  }
  await stop();
  throw new Error(`MLflow did not start:\n${log.join('')}`);
}

async function endGroup(child: ChildProcess): Promise<void> {
  const pid = child.pid;
  if (pid === undefined) return;
  const isGone = () => child.exitCode !== null || child.signalCode !== null;
  process.kill(-pid, 'SIGTERM');
  for (let i = 0; i < 50 && !isGone(); i++) await sleep(100);
  try {
    process.kill(-pid, 'SIGKILL'); // the server's own children, if one outlived it
  } catch {
    // the group is gone
  }
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
