import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readOutcomesFile, readPlanFile } from '../../cli/plan-file.js';
import { runOutcomes } from '../../dag/outcomes.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sentinel-plan-file-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, content: unknown): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

test('the plan and the outcomes of docs/dag.md run as they say', async () => {
  const text = await readFile(new URL('../../docs/dag.md', import.meta.url), 'utf8');
  const blocks = [...text.matchAll(/```json\n(.*?)```/gs)].map(([, json]) => json ?? '');
  const plan = await readPlanFile(await file('docs-plan.json', blocks[0]));
  const outcomes = await readOutcomesFile(await file('docs-outcomes.json', blocks[1]), plan);
  const run = runOutcomes(plan, outcomes);
  expect(run.instances).toEqual({ parse: ['success', 'failed', 'skipped'] });
  expect(run.tasks).toMatchObject({ route: 'upstream_failed', train: 'upstream_failed' });
  const healthy = runOutcomes(plan, { ...outcomes, parse: { length: 0 } });
  expect(healthy.tasks).toEqual({
    ...{ list: 'success', parse: 'success', route: 'success', train: 'success', keep: 'skipped' },
    ...{ join: 'success', gate: 'success', make: 'success', work: 'failed', clean: 'success' },
  });
});

describe('outcomes', () => {
  test.each([
    ['a list is the outcomes of a map', 'mapped', ['failed'], { map: ['failed'] }],
    ['a list is the choice of a branch', 'branch', ['b', 'c'], { choice: ['b', 'c'] }],
    ['a word is the choice of a branch', 'branch', 'b', { choice: ['b'] }],
    ['no choice', 'branch', { choice: null }, { choice: [] }],
    ['a truth is a condition', 'gate', false, { condition: false }],
    ['a state is a state, of a branch too', 'branch', 'failed', 'failed'],
  ])('%s', async (_, task, written, read) => {
    const plan = await readPlanFile(
      await file('plan.json', {
        format: 2,
        dag: 'x',
        tasks: [
          { id: 'mapped', map: { over: [1] } },
          { id: 'branch', branch: {} },
          { id: 'gate', shortCircuit: {} },
        ],
      }),
    );
    const outcomes = await readOutcomesFile(await file('outcomes.json', { [task]: written }), plan);
    expect(outcomes).toEqual({ [task]: read });
  });
});

describe('a plan file is refused', () => {
  test.each([
    ['that is no JSON', '{', 'no JSON'],
    [
      'with a misspelled field',
      { format: 2, dag: 'x', tasks: [{ id: 'a', uptream: [] }] },
      'uptream',
    ],
    [
      'with an unknown rule',
      { format: 2, dag: 'x', tasks: [{ id: 'a', triggerRule: 'all' }] },
      'triggerRule',
    ],
    [
      'that follows nothing',
      { format: 2, dag: 'x', tasks: [{ id: 'a', upstream: ['b'] }] },
      '"a" follows "b"',
    ],
    ['with an id twice', { format: 2, dag: 'x', tasks: [{ id: 'a' }, { id: 'a' }] }, 'two "a"'],
  ])('%s', async (_, content, found) => {
    await expect(readPlanFile(await file('bad.json', content))).rejects.toThrow(found);
  });
});
