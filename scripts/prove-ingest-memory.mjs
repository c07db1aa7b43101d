#!/usr/bin/env node
/**
 * Proves that the memory of a parse does not grow with the file: `node scripts/prove-ingest-memory.mjs [--gigabytes 5]`.
 *
 * Writes a .csv of that size, a generated week's rows over and over with new ids, parses it as the job
 * of the pipeline does in a process of its own, and fails when that process held 1.5 GiB or more, or
 * when a row was lost. Needs the built `dist/` and about four times the size on the disk of the
 * temporary folder.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const LIMIT_BYTES = 1.5 * 2 ** 30;

const { values } = parseArgs({
  options: {
    gigabytes: { type: 'string', default: '5' },
    parse: { type: 'string' },
    staging: { type: 'string', default: '' },
  },
});
if (values.parse !== undefined) await parse(values.parse, values.staging);
else process.exitCode = await prove(Number(values.gigabytes) * 1e9);

async function prove(bytes) {
  const folder = await mkdtemp(join(tmpdir(), 'sentinel-memory-'));
  try {
    const file = join(folder, 'flows.csv');
    const rows = await writeRepeated(folder, file, bytes);
    const staging = join(folder, 'staging');
    const child = fork(fileURLToPath(import.meta.url), ['--parse', file, '--staging', staging]);
    const ended = once(child, 'exit');
    const [found] = await Promise.race([once(child, 'message'), ended.then(() => [null])]);
    await ended;
    if (found === null) return 1;
    process.stdout.write(`${JSON.stringify({ fileBytes: bytes, rows, ...found })}\n`);
    return found.peakRssBytes < LIMIT_BYTES && found.rowsStored === rows ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeRepeated(folder, file, bytes) {
  const { generateFlows } = await import('../dist/activities/jobs/generate-flows.js');
  const week = join(folder, 'week');
  await generateFlows({
    ...{ outDir: week, seed: 7, weeks: ['2022-W22'], flowsPerWeek: 20_000, compression: 'none' },
  });
  const days = (await readdir(week, { recursive: true })).filter((name) =>
    /flows-.*csv$/.test(name),
  );
  const texts = await Promise.all(days.map((day) => readFile(join(week, day), 'utf8')));
  const header = texts[0].slice(0, texts[0].indexOf('\n') + 1);
  const lines = texts.flatMap((text) => text.trimEnd().split('\n').slice(1));
  const withoutIds = lines.map((line) => line.slice(line.indexOf(',')));
  const out = createWriteStream(file);
  out.write(header);
  let rows = 0;
  while (out.bytesWritten < bytes) {
    const repeated = withoutIds.map((line) => `${rows++}${line}\n`).join('');
    if (!out.write(repeated)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
  return rows;
}

async function parse(file, stagingDir) {
  const { parseFlowsJob } = await import('../dist/activities/jobs/parse-flows.js');
  const { fileHash } = await import('../dist/feature-store/sources/checksum.js');
  const started = performance.now();
  const source = {
    path: file,
    bytes: (await stat(file)).size,
    compression: 'none',
    sha256: await fileHash(file, 'sha256'),
  };
  const context = { stagingDir, threads: cpus().length, progress: () => undefined };
  const { rowsStored } = await parseFlowsJob({ source }, context);
  process.send({
    rowsStored,
    seconds: Math.round((performance.now() - started) / 1_000),
    peakRssBytes: process.resourceUsage().maxRSS * 1_024,
  });
  process.disconnect();
}
