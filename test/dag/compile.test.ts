import { describe, expect, it } from 'vitest';
import { compile } from '../../dag/compile.js';
import { activities, dag, type Dag } from '../../dag/declare.js';
import { planHash } from '../../dag/plan-hash.js';
import { DEFAULT_RETRY, type Plan } from '../../dag/plan.js';
import { reference, text } from '../../dag/reference.js';

type Tasks = {
  list: { input: { path: string }; output: { files: { name: string; bytes: number }[] } };
  parse: { input: { file: { name: string; bytes: number } }; output: { rows: number } };
  sum: { input: { parts: { rows: number }[] }; output: { total: number } };
};
const act = activities<Tasks>();

const entry = {
  contract: 'c',
  queue: 'io',
  timeoutMs: 1_000,
  retry: { ...DEFAULT_RETRY, maximumAttempts: 3, initialIntervalMs: 1 },
} as const;

const compiled = (declared: Dag<never> | Dag): Plan =>
  compile(declared, {
    catalogue: { list: entry, parse: entry, sum: entry },
    codeVersion: 'test',
    workflowTypes: ['other'],
  });

const ingest = dag('ingest', { params: { path: 'in' } }, (d) => {
  const found = d.task('list', act.list, { input: { path: d.params.path } });
  const parsed = d.map('parse', act.parse, {
    over: found.files,
    input: (file) => ({ file }),
    summary: (file) => text`parse ${file.name}`,
    retry: { maximumAttempts: 7 },
  });
  return d.task('sum', act.sum, { input: { parts: parsed }, triggerRule: 'none_failed' }).total;
});

describe('compile', () => {
  it('makes edges of the references in inputs, and fills in what the catalogue says', () => {
    const plan = compiled(ingest);
    expect(plan.tasks.map(({ id, upstream }) => [id, upstream])).toEqual([
      ['list', []],
      ['parse', ['list']],
      ['sum', ['parse']],
    ]);
    expect(plan.tasks[1]).toMatchObject({
      target: {
        kind: 'activity',
        name: 'parse',
        queue: 'io',
        retry: { maximumAttempts: 7, initialIntervalMs: 1 },
      },
      map: { over: { $task: 'list', path: ['files'] }, width: 16 },
      input: { file: { $item: true, path: [] } },
      summary: { $text: ['parse ', { $item: true, path: ['name'] }] },
    });
    expect(plan.output).toEqual({ $task: 'sum', path: ['total'] });
  });

  it('puts upstream tasks first whatever the order of declaration', () => {
    const late = dag('late', { params: {} }, (d) => {
      d.task('b', act.list, { input: { path: '' }, after: [reference({ $task: 'a', path: [] })] });
      d.task('a', act.list, { input: { path: '' } });
      return null;
    });
    expect(compiled(late as unknown as Dag).tasks.map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('has a hash that depends on the content and not on the order of keys', () => {
    const plan = compiled(ingest);
    const shuffled = Object.fromEntries(Object.entries(plan).reverse()) as unknown as Plan;
    expect(planHash(shuffled)).toBe(planHash(plan));
    expect(planHash({ ...plan, codeVersion: 'other' })).not.toBe(planHash(plan));
    expect(planHash(plan)).toMatch(/^[0-9a-f]{64}$/);
  });

  it('reports every fault at once, each with its mend', () => {
    const broken = dag('broken', { params: {} }, (d) => {
      const c = reference<string>({ $task: 'c', path: [] });
      const a = d.task('a', act.list, { input: { path: c } });
      d.task('b', act.list, { input: { path: '' }, after: [a] });
      d.task('b', act.list, { input: { path: reference<string>({ $task: 'nowhere', path: [] }) } });
      d.task('c', act.list, { input: { path: '' }, after: [a] });
      d.task('d', { kind: 'activity', name: 'unheard' }, { input: {} });
      d.task('e', { kind: 'workflow', type: 'missing' }, { input: {} });
      d.map('f', act.parse, { over: a.files, input: (file) => ({ file }), width: 0 });
      return null;
    });
    let message = '';
    try {
      compiled(broken);
    } catch (error) {
      message = String(error);
    }
    for (const part of [
      'DAG_CYCLE broken: a -> c -> a. Fix: drop one of these 2 edges',
      'DAG_DUPLICATE_TASK broken: two tasks "b"',
      'DAG_UNKNOWN_UPSTREAM broken: "b" depends on "nowhere"',
      'DAG_UNKNOWN_TARGET broken: "d" runs the activity "unheard"',
      'DAG_UNKNOWN_TARGET broken: "e" runs the workflow "missing"',
      '"f" maps with width 0',
    ]) {
      expect(message).toContain(part);
    }
  });

  it('refuses a wrong edge before anything runs: tsc knows the types of tasks', () => {
    dag('wrong', { params: { path: 'in', depth: 3 } }, (d) => {
      const found = d.task('list', act.list, { input: { path: d.params.path } });
      // @ts-expect-error a number is no path
      d.task('a', act.list, { input: { path: d.params.depth } });
      // @ts-expect-error the list of files is not one file
      d.task('b', act.parse, { input: { file: found.files } });
      // @ts-expect-error there is no such output
      found.nothing satisfies unknown;
      // @ts-expect-error the input lacks its path
      d.task('d', act.list, { input: {} });
      // @ts-expect-error a total is not a list of parts
      d.task('e', act.sum, { input: { parts: found } });
      // @ts-expect-error only true and false decide
      d.task('f', act.list, { input: { path: '' }, when: d.params.path });
      return null;
    });
  });
});
