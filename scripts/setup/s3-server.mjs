/**
 * An S3 server for the tests of tables in a bucket, built from Go's module proxy.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hashOf } from './hash.mjs';

const PROGRAM = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0';

/** Whether this machine can build it; nothing but those tests needs Go. */
export function hasGo() {
  return spawnSync('go', ['version'], { stdio: 'ignore' }).status === 0;
}

/** @returns {import('./run-steps.mjs').Step} */
export function s3Server({ s3Server: folder }) {
  return {
    name: 's3-server',
    title: 'S3 server for the tests (versitygw)',
    needs: ['disk'],
    hash: () => hashOf({ words: [PROGRAM] }),
    isPresent: () => existsSync(join(folder, 'versitygw')),
    run: (command) => command('go', ['install', PROGRAM], { env: { GOBIN: folder } }),
  };
}
