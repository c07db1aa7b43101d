import { expect, test } from 'vitest';
import { newServices } from '../../../domain/drift/new-services.js';

/** Flows of a name, of which some are rejected, and what the model answers. */
type Flows = readonly [name: string, rows: number, rejected: number, answer: number];

function answersOf(flows: readonly Flows[]) {
  const each = flows.flatMap(([name, rows, rejected, answer]) =>
    Array.from({ length: rows }, (_, i) => ({ name, answer, isRejected: i < rejected })),
  );
  return {
    domains: each.map(({ name }) => name),
    predicted: Int32Array.from(each, ({ answer }) => answer),
    rejected: Uint8Array.from(each, ({ isRejected }) => (isRejected ? 1 : 0)),
  };
}

/** Of held-out flows answered 0, one in twenty is rejected, of those answered 1 every second one. */
const HELD_OUT = answersOf([
  ['easy.example', 1000, 50, 0],
  ['hard.example', 100, 50, 1],
]);
const KNOWN = new Set(HELD_OUT.domains);

function candidates(...flows: Flows[]) {
  const now = answersOf([['easy.example', 500, 25, 0], ...flows]);
  return newServices(HELD_OUT, KNOWN, now.domains, now);
}

test.each<[string, Flows[], string[]]>([
  ['a new name whose flows are rejected', [['new.example', 100, 60, 0]], ['new.example']],
  ['a new name of a known service', [['renamed.example', 1000, 50, 0]], []],
  ['a new name of one that is hard to tell', [['renamed.example', 1000, 500, 1]], []],
  ['a new name that is rejected a little more often', [['renamed.example', 1000, 80, 0]], []],
  ['a known name whose flows are rejected', [['easy.example', 100, 60, 0]], []],
  ['few flows', [['rare.example', 7, 7, 0]], []],
  ['answers that held-out flows had not', [['new.example', 100, 60, 2]], ['new.example']],
  [
    'more than one, by flows',
    [
      ['a.example', 20, 10, 0],
      ['b.example', 40, 20, 0],
      ['c.example', 20, 10, 0],
    ],
    ['b.example', 'a.example', 'c.example'],
  ],
])('candidates of %s', (_, flows, names) => {
  expect(candidates(...flows).map(({ name }) => name)).toEqual(names);
});

test('a candidate has all flows of its name', () => {
  expect(candidates(['n.example', 30, 20, 0], ['n.example', 10, 4, 1])).toEqual([
    { name: 'n.example', rows: 40, rejected: 24 },
  ]);
});
