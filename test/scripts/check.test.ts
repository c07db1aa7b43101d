import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const CHECK = fileURLToPath(new URL('../../scripts/check.mjs', import.meta.url));
const STEPS = ['format:check', 'types', 'lint', 'deps', 'knip', 'test:unit'];

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'sentinel-check-'));
  await mkdir(join(root, 'scripts'));
  await copyFile(CHECK, join(root, 'scripts', 'check.mjs'));
});
afterAll(() => rm(root, { recursive: true }));

/** Runs the check with an `npm` that fails at one script and lets the tests end as given. */
async function check({ fails = '', results = {} }: { fails?: string; results?: object }) {
  const npm = `#!/bin/sh
echo "ran $3"
for word; do case "$word" in --outputFile.json=*) echo '${JSON.stringify(results)}' > "\${word#*=}";; esac; done
[ "$3" != "${fails}" ]
`;
  await writeFile(join(root, 'npm'), npm, { mode: 0o755 });
  const { status, stdout } = spawnSync(process.execPath, [join(root, 'scripts', 'check.mjs')], {
    env: { ...process.env, PATH: `${root}${delimiter}${process.env['PATH'] ?? ''}` },
    encoding: 'utf8',
  });
  return {
    status,
    ran: [...stdout.matchAll(/^ran (.+)$/gm)].map(([, script]) => script),
    stdout,
    last: stdout.trimEnd().split('\n').at(-1),
  };
}

const PASSED = { numPassedTests: 7, numFailedTests: 0, testResults: [] };

describe('npm run check', () => {
  it('runs every step in order and ends with the totals of the tests', async () => {
    const { status, ran, last } = await check({ results: PASSED });
    expect({ status, ran, last }).toEqual({ status: 0, ran: STEPS, last: '7 passed, 0 failed' });
  });

  it.each(STEPS.slice(0, -1))('stops at %s when it fails, and says what mends it', async (step) => {
    const { status, ran, stdout, last } = await check({ fails: step, results: PASSED });
    expect(ran).toEqual(STEPS.slice(0, STEPS.indexOf(step) + 1));
    expect(stdout).toContain(`${step} failed. Mend and repeat: npm run `);
    expect({ status, last }).toEqual({ status: 1, last: '0 passed, 1 failed' });
  });

  it('counts failed tests, and names their files', async () => {
    const testResults = [
      {
        name: join(root, 'test/a.test.ts'),
        status: 'failed',
        assertionResults: [{ status: 'failed' }],
      },
    ];
    const results = { numPassedTests: 6, numFailedTests: 1, testResults };
    const { status, stdout, last } = await check({ fails: 'test:unit', results });
    expect(stdout).toContain('Repeat: npm run test:unit -- test/a.test.ts\n');
    expect({ status, last }).toEqual({ status: 1, last: '6 passed, 1 failed' });
  });

  it.each([
    [
      'a file that does not load',
      { ...PASSED, testResults: [{ name: 'b', status: 'failed', assertionResults: [] }] },
    ],
    ['an error outside any test', PASSED],
    ['tests that ended without results', {}],
  ])('counts %s as one failed', async (_, results) => {
    const { status, last } = await check({ fails: 'test:unit', results });
    expect(status).toBe(1);
    expect(last).toMatch(/^\d passed, 1 failed$/);
  });
});
