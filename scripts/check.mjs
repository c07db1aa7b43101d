#!/usr/bin/env node
/**
 * Everything CI runs, in the same order: `npm run check`.
 *
 * Stops at the first step that fails and prints the command that mends it. The last line is always
 * `N passed, N failed`: the totals of the tests, or the failing step before them counted as one.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const results = join(root, '.cache', 'check', 'tests.json');

const STEPS = [
  { script: 'format:check', mend: 'npm run fix' },
  { script: 'types', mend: 'npm run types, after mending the lines above' },
  { script: 'lint', mend: 'npm run fix, and by hand what it leaves' },
  { script: 'deps', mend: 'npm run deps, after moving the import as its comment says' },
  { script: 'knip', mend: 'npm run knip, after removing what nobody uses' },
];

process.exitCode = main();

/** @returns {number} 0 when all passed, else 1 */
function main() {
  for (const { script, mend } of STEPS) {
    if (runScript(script) !== 0) {
      say(`\n${script} failed. Mend and repeat: ${mend}\n`);
      return report({ passed: 0, failed: 1 });
    }
  }
  mkdirSync(dirname(results), { recursive: true });
  rmSync(results, { force: true });
  const status = runScript('test:unit', [
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${results}`,
  ]);
  const totals = readTotals();
  // an error outside any test, such as an unhandled rejection, fails the run with every test passed
  const failed = status === 0 ? totals.failed : Math.max(totals.failed, 1);
  if (failed > 0) {
    for (const file of totals.files) say(`\nRepeat: npm run test:unit -- ${file}`);
    say('\n');
  }
  return report({ passed: totals.passed, failed });
}

/**
 * @param {string} script a script of package.json
 * @param {readonly string[]} [args]
 */
function runScript(script, args = []) {
  const started = performance.now();
  say(`\n> ${script}\n`);
  const { status, error } = spawnSync('npm', ['run', '--silent', script, '--', ...args], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32', // npm is a .cmd file there
  });
  if (error !== undefined) say(`${error.message}\n`);
  say(`  ${script}: ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
  return status ?? 1;
}

/** Test totals; a file that fails outside its tests (while it loads, in a hook) counts as one more. */
function readTotals() {
  try {
    const { numPassedTests, numFailedTests, testResults } = JSON.parse(
      readFileSync(results, 'utf8'),
    );
    const failing = testResults.filter(({ status }) => status === 'failed');
    const broken = failing.filter(
      ({ assertionResults }) => !assertionResults.some(({ status }) => status === 'failed'),
    );
    return {
      passed: numPassedTests,
      failed: numFailedTests + broken.length,
      files: failing.map(({ name }) => name.slice(root.length + 1)),
    };
  } catch {
    return { passed: 0, failed: 0, files: [] }; // vitest ended before it wrote them; its status says so
  }
}

/** @param {{ passed: number, failed: number }} totals */
function report({ passed, failed }) {
  say(`${passed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

/** Written at once, so that it keeps its place among the words of the steps. */
function say(text) {
  process.stdout.write(text);
}
