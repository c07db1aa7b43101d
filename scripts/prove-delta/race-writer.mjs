/**
 * One writer of the race, a child of `prove-delta.mjs`: takes a job by message, commits it, says so.
 * It may be killed at any time; another writer then does the job again.
 *
 * - `append`: twenty rows of the job's own;
 * - `count`: reads the one row of a slot and replaces it by the next number, so a lost update shows.
 */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ERROR_CODES } from '../../dist/contracts/errors.js';
import { commitTable } from '../../dist/feature-store/delta/commit.js';
import { scanSnapshot } from '../../dist/feature-store/delta/scan.js';
import { readSnapshot } from '../../dist/feature-store/delta/snapshot.js';
import { stageFiles } from '../../dist/feature-store/delta/stage.js';
import { FeatureDb } from '../../dist/feature-store/duckdb.js';
import { RACE_SCHEMA, ROWS } from './race-table.mjs';

const [table, staging] = process.argv.slice(2);
// a parent that is gone needs no word
const say = (message) => process.send(message, () => undefined);
const db = await FeatureDb.open({ threads: 1, memoryLimit: '256MB' });
process.once('disconnect', () => process.exit(1));
process.on('message', (job) => void work(job));
say({ ready: true });

async function work(job) {
  for (let tries = 1; ; tries++) {
    try {
      const { version, kind } = await attempt(job);
      say({ done: job.id, version, kind, tries });
      return;
    } catch (error) {
      // what the engine would try again is tried again
      if (ERROR_CODES[error.code] !== 'retry' || tries === 100) {
        say({ failed: job.id, reason: String(error.stack) });
        return;
      }
      say({ again: error.code });
    }
  }
}

async function attempt({ id, kind, slot }) {
  const stagingDir = join(staging, randomUUID());
  try {
    const inSlot = ({ partitionValues }) => partitionValues['slot'] === slot;
    const snapshot = kind === 'count' ? await readSnapshot(table) : undefined;
    const rows =
      kind === 'append'
        ? `SELECT '${slot}' AS slot, ${id} AS job, ${id * 1_000} + range AS id FROM range(${ROWS})`
        : `SELECT '${slot}' AS slot, ${id} AS job, ${await countOf(snapshot, inSlot)} + 1 AS id`;
    const adds = await db.session((session) =>
      stageFiles({ session, schema: RACE_SCHEMA, select: rows, orderBy: 'id', stagingDir }),
    );
    const replaces = { removes: inSlot, readVersion: snapshot?.version ?? -1 };
    return await commitTable({
      table,
      schema: RACE_SCHEMA,
      adds,
      txn: { appId: `race/${id}`, version: 1 },
      ...(kind === 'count' && replaces),
    });
  } finally {
    await rm(stagingDir, { recursive: true, force: true });
  }
}

async function countOf(snapshot, inSlot) {
  if (snapshot === undefined) return 0;
  const [row] = await db.rows(
    `SELECT coalesce(max(id), 0) AS n FROM (${scanSnapshot(snapshot, inSlot)})`,
  );
  return row.n;
}
