/** A small run of `scripts/prove-delta.mjs`, whose full size is 500 commits by 8 writers. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { hasS3Server } from './faulty-s3.js';
import { PYTHON } from './store-builders.js';

interface Report {
  readonly killed: number;
  readonly faulty?: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
}

async function race(store: 'disk' | 's3'): Promise<Report> {
  const size = ['--writers', '4', '--commits', '24', '--kills', '3', '--faults', '5'];
  const args = ['scripts/prove-delta.mjs', '--store', store, ...size];
  const { stdout } = await promisify(execFile)(process.execPath, args).catch(
    (error: { stdout: string; message: string }) => {
      if (error.stdout === '') throw new Error(error.message);
      return error; // a report that names what did not hold
    },
  );
  return JSON.parse(stdout) as Report; // what the script prints
}

// each is seconds of work for a dozen processes, minutes on a busy machine
const TIMEOUT_MS = 400_000;

test.skipIf(!existsSync(PYTHON))(
  'killed writers of one table on disk lose and double nothing; every version reads alike in three readers (skipped where set-up did not run)',
  async () => {
    expect(await race('disk')).toMatchObject({ killed: 3, faults: [] });
  },
  TIMEOUT_MS,
);

test.skipIf(!existsSync(PYTHON) || !hasS3Server)(
  'so do those in a bucket behind a bad line (skipped where set-up did not run, or found no Go)',
  async () => {
    const { faulty = {}, ...report } = await race('s3');
    expect(report).toMatchObject({ killed: 3, faults: [] });
    for (const kind of ['refused', 'lost', 'cut']) expect(faulty[kind]).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);
