import { describe, expect, it } from 'vitest';
import { PipelineError } from '../../contracts/errors.js';
import { compile, compileAll } from '../../dag/compile.js';
import {
  activities,
  dag,
  type Dag,
  type DagBuilder,
  type DagOptions,
  type TaskOptions,
} from '../../dag/declare.js';
import { param } from '../../dag/param.js';
import { DEFAULT_RETRY } from '../../dag/plan.js';
import { reference } from '../../dag/reference.js';

type Tasks = {
  noop: { input: { value: number }; output: { value: number; word: 'a' | 'b'; words: string[] } };
};
const act = activities<Tasks>();
const catalogue = {
  noop: {
    contract: 'c',
    queue: 'io',
    timeoutMs: 1_000,
    retry: DEFAULT_RETRY,
    output: {
      type: 'object',
      properties: {
        value: { type: 'number' },
        word: { enum: ['a', 'b'] },
        words: { type: 'array', items: { type: 'string' } },
      },
      required: ['value', 'word', 'words'],
      additionalProperties: false,
    },
  },
} as const;

type Build = (d: DagBuilder<object>) => unknown;
const input = { value: 1 };

function declared(build: Build, options: Partial<DagOptions<object>> = {}): Dag {
  return dag('d', { params: {}, ...options }, (d) => {
    build(d);
    return null;
  }); // the types of its parameters play no part here
}

/** Lines of the error that compiling ends with. */
function faultsOf(compiling: () => unknown): string[] {
  try {
    compiling();
    return [];
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error;
    const { message } = error;
    const lines = message.replace(/\. Fix: mend each line above$/, '').split('\n');
    return lines.length === 1 ? lines : lines.slice(1);
  }
}

const compiling = (of: Dag) => () =>
  compile(of, { catalogue, codeVersion: 'test', workflowTypes: ['other'] });

/** A caller without types. */
const untyped = (value: unknown): never => value as never;
const at = (task: string) => reference<never>({ $task: task, path: [] });
const noop = (options: Partial<TaskOptions<{ value: number }>> = {}) => ({ input, ...options });

describe('a DAG is refused', () => {
  it.each<[string, Build, string, Partial<DagOptions<object>>?]>([
    ['without tasks', () => null, 'DAG_INVALID d: a DAG without tasks'],
    [
      'for an id that no address can hold',
      (d) => d.task('a/b', act.noop, noop()),
      'DAG_INVALID d: the task id "a/b", expected letters, digits, `_`, `-` and `.`',
    ],
    [
      'for a name that every object has',
      (d) => d.task('constructor', act.noop, noop()),
      'DAG_INVALID d: the task id "constructor", expected a name that objects do not have by themselves',
    ],
    [
      'for two tasks of one id',
      (d) => [d.task('a', act.noop, noop()), d.task('a', act.noop, noop())],
      'DAG_DUPLICATE_TASK d: two tasks "a"',
    ],
    [
      'for a group and a task of one id',
      (d) => [d.group('a', (g) => g.task('b', act.noop, noop())), d.task('a', act.noop, noop())],
      'DAG_DUPLICATE_TASK d: a group and a task "a"',
    ],
    [
      'for an empty group',
      (d) => [d.task('a', act.noop, noop()), d.group('g', () => null)],
      'DAG_INVALID d: the group "g" has no tasks',
    ],
    [
      'for tasks that wait for each other',
      (d) => [
        d.task('a', act.noop, noop({ after: [at('b')] })),
        d.task('b', act.noop, noop({ after: [at('a')] })),
      ],
      'DAG_CYCLE d: a -> b -> a. Fix: drop one of these 2 edges',
    ],
    [
      'for an unknown upstream task',
      (d) => d.task('a', act.noop, noop({ after: [at('b')] })),
      'DAG_UNKNOWN_UPSTREAM d: "a" depends on "b", expected one of a',
    ],
    [
      'for `after` with something that is no task',
      (d) => d.task('a', act.noop, noop({ after: [untyped(undefined)] })),
      'DAG_UNKNOWN_UPSTREAM d: "a" comes after nothing, expected what d.task()',
    ],
    [
      'for an unknown activity',
      (d) => d.task('a', { kind: 'activity', name: 'nop' }, { input }),
      'DAG_UNKNOWN_TARGET d: "a" runs the activity "nop", expected one of noop',
    ],
    [
      'for a trigger rule that there is not',
      (d) => d.task('a', act.noop, noop({ triggerRule: untyped('all_succes') })),
      'DAG_INVALID d: "a" has the trigger rule "all_succes", expected one of all_success',
    ],
    [
      'for a word that the branch does not have',
      (d) => {
        const choice = d.branch('c', d.task('a', act.noop, noop()).word, ['a', 'b']);
        d.task('x', act.noop, noop({ after: [choice.case('a')] }));
        d.task('y', act.noop, noop({ after: [choice.case(untyped('c')), choice.case('b')] }));
      },
      'DAG_UNKNOWN_UPSTREAM d: "y" follows the word "c" of the branch "c", expected one of a, b',
    ],
    [
      'for a branch on other words than it has',
      (d) => {
        const choice = d.branch('c', d.task('a', act.noop, noop()).word, untyped(['x', 'y']));
        d.task(
          't',
          act.noop,
          noop({ after: [choice.case(untyped('x')), choice.case(untyped('y'))] }),
        );
      },
      'TASK_EDGE_TYPE d: input of "c" at $: "a" | "b" (output $.word of "a"), expected "x" | "y"',
    ],
    [
      'for a word that nothing follows',
      (d) => {
        const choice = d.branch('c', d.task('a', act.noop, noop()).word, ['a', 'b']);
        d.task('x', act.noop, noop({ after: [choice.case('a')] }));
      },
      'DAG_UNUSED d: nothing follows the word "b" of "c"',
    ],
    [
      'for a decision that nothing follows',
      (d) => d.shortCircuit('s', d.task('a', act.noop, noop()).value),
      'DAG_UNUSED d: nothing follows the decision "s"',
    ],
    [
      'for a parameter that nobody reads',
      (d) => d.task('a', act.noop, noop()),
      'DAG_UNUSED d: the parameter "depth" is read by no task',
      { params: { depth: 1 } },
    ],
    [
      'for a parameter that is not declared',
      (d) => d.task('a', act.noop, { input: { value: untyped((d.params as { x?: unknown }).x) } }),
      'DAG_UNKNOWN_PARAM d: a task reads the parameter "x", expected one of no parameters at all',
    ],
    [
      'for a default that its schema refuses',
      (d) => d.task('a', act.noop, { input: { value: untyped((d.params as { n?: unknown }).n) } }),
      'DAG_INVALID d: the default of parameter "n" at $: 0, expected >= 1',
      { params: { n: param(0, { minimum: 1 }) } },
    ],
    [
      'for a schema that is none',
      (d) => d.task('a', act.noop, { input: { value: untyped((d.params as { n?: unknown }).n) } }),
      'DAG_INVALID d: the schema of parameter "n": strict mode: unknown keyword: "minimun"',
      { params: { n: param(0, untyped({ minimun: 1 })) } },
    ],
    [
      'for a task that only runs after two words of a branch that chooses one',
      (d) => {
        const choice = d.branch('c', d.task('a', act.noop, noop()).word, ['a', 'b']);
        const x = d.task('x', act.noop, noop({ after: [choice.case('a')] }));
        const y = d.task('y', act.noop, noop({ after: [choice.case('b')] }));
        const both = d.task('both', act.noop, noop({ after: [x, y] }));
        d.task('next', act.noop, noop({ after: [both] }));
      },
      'DAG_UNREACHABLE_TASK d: "both" can never run: its rule is all_success, and "c" lets only one of its words go on. Fix: give it triggerRule: \'none_failed_min_one_success\'',
    ],
    [
      'for a task behind a branch and none of its words',
      (d) => {
        const choice = d.branch('c', d.task('a', act.noop, noop()).word, ['a', 'b']);
        d.task('x', act.noop, noop({ after: [choice.case('a'), choice.case('b')] }));
        d.task('z', act.noop, noop({ after: [at('c')] }));
      },
      'DAG_UNREACHABLE_TASK d: "z" can never run: it follows the branch "c", but none of its words. Fix: let it follow a word: a, b',
    ],
    [
      'for a condition that is never true',
      (d) => d.task('a', act.noop, noop({ when: untyped(false) })),
      'DAG_UNREACHABLE_TASK d: "a" can never run: `when` is false',
    ],
    [
      'for a short circuit that never lets anything through',
      (d) => d.task('b', act.noop, noop({ after: [d.shortCircuit('s', untyped(0))] })),
      'DAG_UNREACHABLE_TASK d: "b" can never run: "s" never lets it',
    ],
    [
      'for a rule that its upstream tasks never fulfil',
      (d) => {
        const latest = d.latestOnly('l');
        d.task('a', act.noop, noop({ after: [latest], triggerRule: 'all_failed' }));
      },
      'DAG_UNREACHABLE_TASK d: "a" can never run: its rule is all_failed, and l ends as success',
    ],
    [
      'for a task behind a setup with another rule than all_success',
      (d) => {
        const made = d.setup('make', act.noop, noop());
        d.task('use', act.noop, noop({ after: [made], triggerRule: 'all_done' }));
      },
      'DAG_INVALID d: "use" follows the setup "make" with the rule all_done, expected all_success',
    ],
    [
      'for a teardown without setups',
      (d) => d.teardown('drop', act.noop, { input, setups: untyped([]) }),
      'DAG_INVALID d: the teardown "drop" has no setups',
    ],
    [
      'for a teardown of what is no setup',
      (d) => d.teardown('drop', act.noop, { input, setups: [d.task('a', act.noop, noop())] }),
      'DAG_INVALID d: "drop" tears down "a", which is no setup',
    ],
    [
      'for a width that is no number of instances',
      (d) => d.map('m', act.noop, { over: [1], input: (value) => ({ value }), width: 0.5 }),
      'DAG_INVALID d: "m" maps with width 0.5, expected a whole number from 1 and up',
    ],
    [
      'for no tries at all',
      (d) => d.task('a', act.noop, { ...noop(), retry: { maximumAttempts: 0 } }),
      'DAG_INVALID d: "a" has retry.maximumAttempts 0, expected a whole number from 1',
    ],
    [
      'for a jitter beyond 1',
      (d) => d.task('a', act.noop, { ...noop(), retry: { jitter: 2 } }),
      'DAG_INVALID d: "a" has retry.jitter 2, expected a number from 0 to 1',
    ],
    [
      'for a time limit of nothing',
      (d) => d.task('a', act.noop, { ...noop(), timeoutMs: 0 }),
      'DAG_INVALID d: "a" has timeoutMs 0, expected whole milliseconds above 0',
    ],
    [
      'for tries of a workflow',
      (d) => d.task('a', { kind: 'workflow', type: 'other' }, { input, timeoutMs: 1 }),
      'DAG_INVALID d: "a" has timeoutMs, but runs no activity',
    ],
    [
      'for an approval without options',
      (d) => d.approval('ok', { question: '?', options: [] }),
      'DAG_INVALID d: the approval "ok" has no options',
    ],
    [
      'for an approval that expires into what is no option',
      (d) =>
        d.approval('ok', {
          question: '?',
          options: ['yes'],
          expiresMs: 1,
          onExpiry: untyped('no'),
        }),
      'DAG_INVALID d: the approval "ok" takes "no" when it expires, expected one of yes',
    ],
    [
      'for an approval with the same option twice',
      (d) => d.approval('ok', { question: '?', options: ['yes', 'yes'] }),
      'DAG_INVALID d: the approval "ok" has the option "yes" twice',
    ],
    [
      'for a webhook at no address',
      (d) =>
        d.task(
          'a',
          act.noop,
          noop({ callbacks: [{ on: ['failed'], notify: { kind: 'webhook', url: 'ops' } }] }),
        ),
      'DAG_INVALID d: a webhook of "a" at "ops", expected an http(s) address',
    ],
    [
      'for an empty command',
      (d) => d.task('a', act.noop, noop()),
      'DAG_INVALID d: a command of the DAG that is empty',
      { callbacks: [{ on: ['failed'], notify: { kind: 'command', command: [] } }] },
    ],
    [
      'for a schedule that cannot be read',
      (d) => d.task('a', act.noop, noop()),
      'DAG_BAD_SCHEDULE d: ',
      { schedule: { cron: '61 * * * *' } },
    ],
  ])('%s', (_, build, message, options) => {
    expect(faultsOf(compiling(declared(build, options)))).toEqual([
      expect.stringContaining(message),
    ]);
  });

  it('for every cycle, not just the first', () => {
    const faults = faultsOf(
      compiling(
        declared((d) => {
          for (const [id, after] of 'ab ba cd de ec fa'.split(' ')) {
            d.task(id!, act.noop, noop({ after: [at(after!)] })); // two letters each
          }
        }),
      ),
    );
    expect(faults.filter((fault) => fault.startsWith('DAG_CYCLE'))).toEqual([
      expect.stringContaining('a -> b -> a'),
      expect.stringContaining('c -> e -> d -> c'),
    ]);
  });

  it('for all its faults at once', () => {
    const faults = faultsOf(
      compiling(
        declared(
          (d) => {
            d.task('a b', act.noop, { ...noop(), timeoutMs: -1 });
            d.task('b', { kind: 'activity', name: 'unheard' }, { input: at('nowhere') });
          },
          { params: { unread: 1 } },
        ),
      ),
    );
    expect(faults.map((fault) => fault.split(' ')[0])).toEqual([
      'DAG_INVALID',
      'DAG_INVALID',
      'DAG_UNKNOWN_UPSTREAM',
      'DAG_UNKNOWN_TARGET',
      'DAG_UNUSED',
    ]);
    for (const fault of faults) expect(fault).toContain('. Fix: ');
  });
});

describe('a DAG is taken', () => {
  it.each<[string, Build]>([
    [
      'where a task after two words runs with either',
      (d) => {
        const choice = d.branch('c', d.task('a', act.noop, noop()).word, ['a', 'b']);
        const x = d.task('x', act.noop, noop({ after: [choice.case('a')] }));
        const y = d.task('y', act.noop, noop({ after: [choice.case('b')] }));
        d.task('z', act.noop, noop({ after: [x, y], triggerRule: 'none_failed_min_one_success' }));
      },
    ],
    [
      'where a branch may choose several words',
      (d) => {
        const several = d.task('a', act.noop, noop()).words;
        const choice = d.branch('c', several, ['a', 'b'] as never[]);
        const x = d.task('x', act.noop, noop({ after: [choice.case('a')] }));
        const y = d.task('y', act.noop, noop({ after: [choice.case('b')] }));
        d.task('z', act.noop, noop({ after: [x, y] }));
      },
    ],
    [
      'where a task behind a branch can also be reached from a chosen one',
      (d) => {
        const choice = d.branch('c', d.task('a', act.noop, noop()).word, ['a', 'b']);
        const x = d.task('x', act.noop, noop({ after: [choice.case('a'), choice.case('b')] }));
        d.task('z', act.noop, noop({ after: [at('c'), x] }));
      },
    ],
    [
      'where a rule waits for a failure',
      (d) => {
        const x = d.task('x', act.noop, noop());
        d.task('z', act.noop, noop({ after: [x], triggerRule: 'one_failed' }));
      },
    ],
    [
      'where a setup is used and taken away',
      (d) => {
        const made = d.setup('make', act.noop, noop());
        d.task('use', act.noop, noop({ after: [made] }));
        d.teardown('drop', act.noop, { input, setups: [made] });
      },
    ],
  ])('%s', (_, build) => {
    expect(faultsOf(compiling(declared(build)))).toEqual([]);
  });
});

describe('DAGs that belong together', () => {
  const one = (id: string, schedule: DagOptions<object>['schedule']): Dag =>
    dag(id, { params: {}, ...(schedule !== undefined && { schedule }) }, (d) => {
      d.task('a', act.noop, noop({ updates: ['flows'] }));
      return null;
    }); // as above
  const all = (...dags: Dag[]) =>
    faultsOf(() => compileAll(dags, { catalogue, codeVersion: '', nativeWorkflows: ['native'] }));

  it('have names of their own', () => {
    const ids = ['a', 'a', 'native', 'lifecycle'];
    expect(all(...ids.map((id) => one(id, undefined)))).toEqual([
      expect.stringContaining('a DAG and another DAG "a"'),
      expect.stringContaining('a DAG and a native workflow "native"'),
      expect.stringContaining('a DAG and a native workflow "lifecycle"'),
    ]);
  });

  it('wait for assets that one of them updates', () => {
    expect(all(one('a', undefined), one('b', { assets: 'flows' }))).toEqual([]);
    expect(all(one('a', undefined), one('b', { assets: 'flow' }))).toEqual([
      expect.stringContaining('it waits for the asset "flow", which no task updates'),
    ]);
  });
});
