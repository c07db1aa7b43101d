import { describe, expect, it } from 'vitest';
import { describeFault } from '../../contracts/errors.js';
import type { Json, JsonObject } from '../../contracts/json.js';
import { planFaults, type ActivityCatalogue } from '../../dag/compile.js';
import { dag } from '../../dag/declare.js';
import type { Expression } from '../../dag/expression.js';
import { DEFAULT_RETRY, readPlan, type PlanDocument } from '../../dag/plan.js';

const file = {
  type: 'object',
  properties: { name: { type: 'string' }, bytes: { type: 'integer' } },
  required: ['name', 'bytes'],
  additionalProperties: false,
};
const object = (properties: JsonObject, closed = false): JsonObject => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  ...(closed && { additionalProperties: false }),
});

const SCHEMAS: Record<string, { input?: JsonObject; output?: JsonObject }> = {
  list: {
    input: object({ path: { type: 'string', minLength: 1 } }),
    output: object({ files: { type: 'array', items: file }, newest: nullable(file) }, true),
  },
  parse: { input: object({ file }), output: object({ rows: { type: 'integer' } }, true) },
  sum: { input: object({ parts: { type: 'array', items: object({ rows: { type: 'number' } }) } }) },
  train: {
    input: object({
      kind: { enum: ['cnn', 'lstm'] },
      epochs: { type: 'integer', minimum: 1, maximum: 99 },
      data: {
        oneOf: [
          object({ kind: { const: 'weeks' }, weeks: { type: 'array', items: { type: 'string' } } }),
          object({ kind: { const: 'share' }, share: { type: 'number' } }),
        ],
      },
    }),
    output: object({ ok: { type: 'boolean' }, word: { enum: ['yes', 'no'] } }, true),
  },
  tree: {
    input: {
      $ref: '#/$defs/node',
      $defs: { node: object({ next: nullable({ $ref: '#/$defs/node' }) }) },
    },
    output: {},
  },
};

function nullable(schema: JsonObject): JsonObject {
  return { anyOf: [schema, { type: 'null' }] };
}

const catalogue: ActivityCatalogue = Object.fromEntries(
  Object.entries(SCHEMAS).map(([name, schemas]) => [
    name,
    { contract: '', queue: 'io', timeoutMs: 1_000, retry: DEFAULT_RETRY, ...schemas },
  ]),
);

const inner = dag('inner', { partitions: 'iso-week', params: { depth: 3 } }, (d) => {
  d.task(
    'sum',
    { kind: 'activity', name: 'sum' },
    { input: { parts: [{ rows: d.params.depth }] } },
  );
  return { depth: d.params.depth };
});

type Sketch = Omit<Partial<PlanDocument['tasks'][number]>, 'target'> & { run: string };

/** Faults of a plan that lists files in "l" and then does what the sketch says, as "t". */
function faultsOf({ run, ...sketch }: Sketch, params: JsonObject = {}): string[] {
  const target = (name: string) => ({
    ...{ kind: 'activity' as const, name, queue: 'io' as const, contract: '' },
    ...{ retry: DEFAULT_RETRY, timeoutMs: 1_000, deadlineMs: null },
  });
  const plan = readPlan({
    format: 2,
    dag: 'plan',
    params,
    tasks: [
      { id: 'l', target: target('list'), input: { path: 'in' } },
      { id: 'p', target: target('parse'), upstream: ['l'], input: { file: at('l', 'files', '0') } },
      { id: 't0', target: target('train'), input: training({}) },
      {
        id: 't',
        upstream: ['l', 'p', 't0'],
        target: run === 'inner' ? { kind: 'workflow', type: 'inner' } : target(run),
        ...sketch,
      },
    ],
    output: Object.keys(params).map((name) => ({ $param: name, path: [] })),
  });
  const dags = { inner: inner.declaration };
  return planFaults(plan, { catalogue, workflowTypes: ['inner'], dags }).map(describeFault);
}

const at = (task: string, ...path: string[]): Expression => ({ $task: task, path });
const item = (...path: string[]): Expression => ({ $item: true, path });
const training = (change: { [key: string]: Expression }): Expression => ({
  kind: 'cnn',
  epochs: 5,
  data: { kind: 'share', share: 0.5 },
  ...change,
});

describe('an edge fits', () => {
  it.each<[string, Sketch, JsonObject?]>([
    ['a literal in the limits of its schema', { run: 'train', input: training({}) }],
    ['a reference of the same type', { run: 'parse', input: { file: at('l', 'files', '3') } }],
    ['what may be null, as it may be there', { run: 'parse', input: { file: at('l', 'newest') } }],
    ['a whole number where any number does', { run: 'sum', input: { parts: [at('p')] } }],
    [
      'the elements of what is mapped over',
      { run: 'parse', input: { file: item() }, map: { over: at('l', 'files'), width: 1 } },
    ],
    [
      'combinations of lists',
      {
        run: 'parse',
        input: { file: item('file') },
        map: { over: { $product: { file: at('l', 'files'), n: [1, 2] } }, width: 1 },
      },
    ],
    [
      'text where a string is taken',
      { run: 'list', input: { path: { $text: ['in/', at('p', 'rows')] } } },
    ],
    [
      "a parameter of its default's type",
      { run: 'list', input: { path: param('path') } },
      { path: 'a' },
    ],
    [
      'a parameter whose default is null',
      { run: 'list', input: { path: param('any') } },
      { any: null },
    ],
    ['a schema that refers to itself', { run: 'tree', input: { next: { next: { next: null } } } }],
    [
      'the other choice of a union',
      { run: 'train', input: training({ data: { kind: 'weeks', weeks: [] } }) },
    ],
    [
      'what a DAG takes',
      {
        run: 'inner',
        input: { partition: { $run: 'partition' }, params: { depth: at('p', 'rows') } },
      },
    ],
    ['what a DAG takes, left to its defaults', { run: 'inner', input: { partition: '2022-W23' } }],
  ])('%s', (_, sketch, params) => {
    expect(faultsOf(sketch, params)).toEqual([]);
  });
});

describe('an edge is refused', () => {
  it.each<[string, Sketch, string, JsonObject?]>([
    [
      'a number where a string is taken',
      { run: 'list', input: { path: at('p', 'rows') } },
      'input of "t" at $.path: integer (output $.rows of "p"), expected string minLength 1',
    ],
    [
      'a literal of another type',
      { run: 'list', input: { path: 3 } },
      'input of "t" at $.path: 3, expected string minLength 1',
    ],
    [
      'a literal beyond the limits',
      { run: 'train', input: training({ epochs: 0 }) },
      'input of "t" at $.epochs: 0, expected integer minimum 1 maximum 99',
    ],
    [
      'a fraction where a whole number is taken',
      { run: 'train', input: training({ epochs: 1.5 }) },
      'input of "t" at $.epochs: 1.5, expected integer minimum 1 maximum 99',
    ],
    [
      'a word that is none of the list',
      { run: 'train', input: training({ kind: 'rnn' }) },
      'input of "t" at $.kind: "rnn", expected "cnn" | "lstm"',
    ],
    [
      'lists of words without a common one',
      { run: 'train', input: training({ kind: at('t0', 'word') }) },
      'input of "t" at $.kind: "yes" | "no" (output $.word of "t0"), expected "cnn" | "lstm"',
    ],
    [
      'a missing key',
      { run: 'list', input: {} },
      'input of "t" at $.path: nothing, expected string minLength 1',
    ],
    [
      "a missing key of a union's choice",
      { run: 'train', input: training({ data: { kind: 'weeks' } }) },
      'input of "t" at $.data.weeks: nothing, expected list of string',
    ],
    [
      'an object that lacks a key',
      { run: 'sum', input: { parts: [at('t0')] } },
      'input of "t" at $.parts[0].rows: nothing (output $ of "t0"), expected number',
    ],
    [
      'a list for one of its elements',
      { run: 'parse', input: { file: at('l', 'files') } },
      'input of "t" at $.file: list of object {name, bytes} (output $.files of "l"), expected object {name, bytes}',
    ],
    [
      'elements of another type',
      { run: 'sum', input: { parts: at('l', 'files') } },
      'input of "t" at $.parts[*].rows: nothing (output $.files of "l"), expected number',
    ],
    [
      'a path that leads nowhere',
      { run: 'parse', input: { file: at('l', 'file') } },
      '"t" reads output $.file of "l", where nothing is, expected a part of $: object {files, newest}',
    ],
    [
      'a key of a list',
      { run: 'list', input: { path: at('l', 'files', 'name') } },
      '"t" reads output $.files.name of "l", where nothing is, expected a part of $.files: list of object {name, bytes}',
    ],
    [
      'a map over what is no list',
      { run: 'parse', input: { file: item() }, map: { over: at('l', 'newest'), width: 1 } },
      'over of "t" at $: object {name, bytes} | null (output $.newest of "l"), expected list',
    ],
    [
      'a map over a literal that is no list',
      { run: 'parse', input: { file: { name: '', bytes: 1 } }, map: { over: 'all', width: 1 } },
      'over of "t" at $: "all", expected list',
    ],
    [
      'a key that elements do not have',
      { run: 'list', input: { path: item('path') }, map: { over: at('l', 'files'), width: 1 } },
      '"t" reads element $.path, where nothing is, expected a part of $: object {name, bytes}',
    ],
    [
      'an element where nothing is mapped',
      { run: 'list', input: { path: item('name') } },
      '"t" reads an element, but maps over nothing',
    ],
    [
      'a condition that is neither true nor false',
      { run: 'list', input: { path: 'in' }, when: at('p', 'rows') },
      'when of "t" at $: integer (output $.rows of "p"), expected boolean',
    ],
    [
      'a parameter of another type',
      { run: 'list', input: { path: param('depth') } },
      'input of "t" at $.path: number (parameter $.depth), expected string minLength 1',
      { depth: 3 },
    ],
    [
      "a DAG's parameter of another type",
      { run: 'inner', input: { partition: '2022-W23', params: { depth: 'deep' } } },
      'input of "t" at $.params.depth: "deep", expected number',
    ],
    [
      'a parameter that the DAG does not have',
      { run: 'inner', input: { partition: '2022-W23', params: { dept: 3 } } },
      'input of "t" at $.params.dept: 3, expected only depth',
    ],
    [
      'a DAG with partitions without one',
      { run: 'inner', input: { params: {} } },
      'input of "t" at $.partition: nothing, expected string',
    ],
  ])('%s', (_, sketch, message, params) => {
    const faults = faultsOf(sketch, params);
    expect(faults).toEqual([expect.stringContaining(`TASK_EDGE_TYPE plan: ${message}. Fix: `)]);
  });
});

function param(name: string): Expression {
  return { $param: name, path: [] } satisfies Json;
}
