import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { installation } from '../../activities/installation.js';

const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
const known = JSON.parse(
  readFileSync(new URL('../golden/cli-verbs.json', import.meta.url), 'utf8'),
) as { airflow: string[]; tctl: string[] }; // written by test/golden/cli-verbs.py

test.each(['airflow', 'tctl'] as const)('every verb of %s has its place, once', (name) => {
  const section = page.split(/^## /m).find((part) => part.startsWith(`From \`${name}\``)) ?? '';
  const cells = section.split('\n').flatMap((line) => /^\| (`.*?) +\|/.exec(line)?.[1] ?? []);
  const verbs = cells.flatMap((cell) => [...cell.matchAll(/`(.*?)`/g)].map(([, verb]) => verb));
  expect(verbs.slice(1).sort()).toEqual([...known[name]].sort()); // the first is the head
});

test('every command of Temporal that the page names exists', () => {
  const named = page.matchAll(/temporal ((?:[a-z]+(?:-[a-z]+)* )*[a-z]+(?:-[a-z]+)*)(?=`| -)/g);
  const commands = [...named].map(([, words = '']) => words);
  expect(commands.length).toBeGreaterThan(20);
  for (const command of new Set(commands)) {
    const help = execFileSync(installation.temporal, [...command.split(' '), '--help'], {
      encoding: 'utf8',
    });
    expect(help).toMatch(new RegExp(`^ +temporal ${command}( \\[|$)`, 'm'));
  }
});
