/** A real S3 server on a folder, for proofs and tests: versitygw, which set-up with `--test` has built. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../proof/free-port.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Absolute path of the server's program. */
export const s3ServerProgram = join(root, '.cache', 'setup', 's3-server', 'versitygw');

/** Keys and region of the server, as every S3 client reads them. */
export const s3Environment = {
  AWS_ACCESS_KEY_ID: 'proof',
  AWS_SECRET_ACCESS_KEY: 'proof-secret',
  AWS_REGION: 'us-east-1',
};

/**
 * Starts a server whose buckets are the folders of `folder`.
 *
 * @param {string} folder  absolute; made
 * @param {string} bucket  made, at least three letters
 * @returns {Promise<{ url: string, close: () => Promise<void> }>}
 */
export async function startS3Server(folder, bucket) {
  if (!existsSync(s3ServerProgram))
    throw new Error(`no S3 server at ${s3ServerProgram}. Fix: node scripts/setup.mjs --test`);
  await mkdir(join(folder, bucket), { recursive: true });
  const port = await freePort();
  // without --keep-alive: it answers 412 before it has read the body, whose rest it would take for the next request
  const options = ['--quiet', '--port', `127.0.0.1:${port}`];
  const server = spawn(s3ServerProgram, [...options, 'posix', folder], {
    stdio: 'ignore',
    env: {
      ...process.env,
      ROOT_ACCESS_KEY: s3Environment.AWS_ACCESS_KEY_ID,
      ROOT_SECRET_KEY: s3Environment.AWS_SECRET_ACCESS_KEY,
    },
  });
  const url = `http://127.0.0.1:${port}`;
  const ended = once(server, 'exit');
  process.once('exit', () => server.kill('SIGKILL'));
  while (!(await answers(url))) {
    if (server.exitCode !== null) throw new Error(`${s3ServerProgram} ended by itself`);
    await sleep(50);
  }
  return {
    url,
    close: async () => {
      server.kill('SIGKILL');
      await ended;
    },
  };
}

/** Any answer will do: without keys it is 403. */
async function answers(url) {
  try {
    await (await fetch(url)).arrayBuffer();
    return true;
  } catch {
    return false; // not yet
  }
}
