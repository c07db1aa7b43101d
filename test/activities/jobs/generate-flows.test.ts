import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import lzma from 'lzma-native';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { installation } from '../../../activities/installation.js';
import {
  generateFlows,
  type GenerateFlowsOptions,
} from '../../../activities/jobs/generate-flows.js';

let outDir: string;
beforeEach(async () => {
  outDir = await mkdtemp(join(tmpdir(), 'generate-'));
});
afterEach(async () => {
  await rm(outDir, { recursive: true });
});

const MONDAY = 'WEEK-2022-22/2022-05-30/flows-20220530.csv';

describe('generated weeks', () => {
  test('lie on disk as the data set does, with statistics that add up', async () => {
    const result = await generateFlows(options());
    expect(result).toEqual({ files: 7, filesSkipped: 0, rows: 300, stopped: false });
    const names = await files(outDir);
    expect(names).toContain(`${MONDAY}.xz`);
    expect(names.filter((name) => name.endsWith('.tmp'))).toEqual([]);

    let rows = 0;
    for (const name of names.filter((entry) => /stats-\d/.test(entry))) {
      rows += await totalSaved(name);
    }
    expect(rows).toBe(300);
    expect(await totalSaved('WEEK-2022-22/stats-week.json')).toBe(300);
    expect(await totalSaved('stats-dataset.json')).toBe(300);
  });

  test('are the same bytes when two threads make them, whatever the events', async () => {
    const [alone, together] = [join(outDir, 'alone'), join(outDir, 'together')];
    const events = ['exporter@2022-W22-3', 'vpn@2022-W22', 'missing-day@2022-W22-5'];
    const change = { flowsPerWeek: 2000, events, compression: 'gz' as const };
    await generateFlows(options({ outDir: alone, ...change }));
    await promisify(execFile)(process.execPath, [
      ...[join(installation.root, 'dist', 'cli', 'main.js'), 'generate', '--out', together],
      ...['--weeks', '2022-W22', '--flows-per-week', '2000', '--apps', '40', '--jobs', '2'],
      ...['--compression', 'gz', '--event', ...events],
    ]);
    expect(await hashes(together)).toEqual(await hashes(alone));
    expect(await readFile(join(together, 'generated.json'), 'utf8')).toBe(
      await readFile(join(alone, 'generated.json'), 'utf8'),
    );
  });

  test('go on in a folder of version 0.4, whose manifest has a hash as well', async () => {
    await generateFlows(options());
    const path = join(outDir, 'generated.json');
    const manifest = JSON.parse(await readFile(path, 'utf8')) as object; // written by the code under test
    await writeFile(path, JSON.stringify({ ...manifest, parametersHash: 'of 0.4' }));
    expect(await generateFlows(options())).toMatchObject({ filesSkipped: 7 });
  });

  test('are the same rows in every compression', async () => {
    const text: string[] = [];
    for (const compression of ['xz', 'gz', 'none'] as const) {
      const folder = join(outDir, compression);
      await generateFlows(options({ outDir: folder, compression }));
      const bytes = await readFile(
        join(folder, compression === 'none' ? MONDAY : `${MONDAY}.${compression}`),
      );
      text.push((await unpack(bytes, compression)).toString());
    }
    expect(text[0]).toMatch(/^ID,SRC_IP,.*PHIST_DST_IPT\n0,10\./);
    expect(new Set(text).size).toBe(1);
  });

  test('are equal byte by byte for equal parameters, also when made in two goes', async () => {
    const [once, twice] = [join(outDir, 'once'), join(outDir, 'twice')];
    await generateFlows(options({ outDir: once, weeks: ['2022-W22', '2022-W23'] }));
    await generateFlows(options({ outDir: twice, weeks: ['2022-W23'] }));
    const second = await generateFlows(options({ outDir: twice, weeks: ['2022-W22', '2022-W23'] }));
    expect(second.filesSkipped).toBe(7);
    expect(await hashes(twice)).toEqual(await hashes(once));
  });

  test('go on after a stop, with nothing half-written', async () => {
    let done = 0;
    const stopped = await generateFlows(
      options({ flowsPerWeek: 9000, onProgress: () => done++, shouldStop: () => done === 2 }),
    );
    expect(stopped).toMatchObject({ files: 2, stopped: true });
    expect((await files(outDir)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    const resumed = await generateFlows(options({ flowsPerWeek: 9000 }));
    expect(resumed).toMatchObject({ files: 7, filesSkipped: 2, rows: 9000, stopped: false });
  });

  test('write a file again that has gone', async () => {
    await generateFlows(options());
    await rm(join(outDir, `${MONDAY}.xz`));
    expect(await generateFlows(options())).toMatchObject({ filesSkipped: 6 });
    expect(await files(outDir)).toContain(`${MONDAY}.xz`);
  });
});

describe('a folder that is not ours', () => {
  test('with other parameters is refused, naming them', async () => {
    await generateFlows(options());
    await expect(generateFlows(options({ seed: 8 }))).rejects.toThrow(
      /GENERATE_DIR_DIFFERS.*"seed":7.*expected.*"seed":8/,
    );
  });

  test('with other files is refused', async () => {
    await writeFile(join(outDir, 'thesis.txt'), 'precious');
    await expect(generateFlows(options())).rejects.toThrow(/GENERATE_DIR_DIFFERS.*1 entries/);
  });
});

test('events.json tells the scripted events and what changed by itself', async () => {
  await generateFlows(options({ events: ['exporter@2022-W22'] }));
  const truth: unknown = JSON.parse(await readFile(join(outDir, 'events.json'), 'utf8'));
  expect(truth).toMatchObject({
    seed: 7,
    weeks: ['2022-W22'],
    events: [{ event: 'exporter@2022-W22', from: '2022-05-30', until: null }],
  });
});

function options(change: Partial<GenerateFlowsOptions> = {}): GenerateFlowsOptions {
  return { outDir, seed: 7, apps: 40, weeks: ['2022-W22'], flowsPerWeek: 300, ...change };
}

async function totalSaved(name: string): Promise<number> {
  const stats = JSON.parse(await readFile(join(outDir, name), 'utf8')) as {
    global: { 'total-saved': number };
  }; // written by the code under test
  return stats.global['total-saved'];
}

async function files(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).sort();
}

async function hashes(folder: string): Promise<[string, string][]> {
  const names = (await files(folder)).filter((name) => /\.(xz|json|csv)$/.test(name));
  const found: [string, string][] = [];
  for (const name of names.filter((entry) => entry !== 'generated.json')) {
    const bytes = await readFile(join(folder, name));
    found.push([name, createHash('sha256').update(bytes).digest('hex')]);
  }
  return found;
}

async function unpack(bytes: Buffer, compression: 'xz' | 'gz' | 'none'): Promise<Buffer> {
  switch (compression) {
    case 'xz':
      return new Promise((resolve) => lzma.decompress(bytes, {}, resolve));
    case 'gz':
      return gunzipSync(bytes);
    case 'none':
      return Promise.resolve(bytes);
  }
}
