import { expect, test } from 'vitest';
import { newServices } from '../../../domain/drift/new-services.js';

const KNOWN = new Set(['old.example']);
const USUAL = 0.05;

/** Flows of a name, of which some are rejected. */
type Flows = readonly [name: string, rows: number, rejected: number];

function candidates(...flows: Flows[]): string[] {
  const domains = flows.flatMap(([name, rows]) => new Array<string>(rows).fill(name));
  const rejected = flows.flatMap(([, rows, unknown]) =>
    Array.from({ length: rows }, (_, i) => (i < unknown ? 1 : 0)),
  );
  return newServices(KNOWN, domains, Uint8Array.from(rejected), USUAL).map(({ name }) => name);
}

test.each<[string, Flows[], string[]]>([
  ['a new name whose flows are rejected', [['new.example', 100, 60]], ['new.example']],
  ['a new name of a known service', [['renamed.example', 1000, 50]], []],
  ['a new name that is rejected a little more often', [['renamed.example', 1000, 100]], []],
  ['a known name whose flows are rejected', [['old.example', 100, 60]], []],
  ['few flows', [['rare.example', 7, 7]], []],
  [
    'more than one',
    [
      ['a.example', 20, 10],
      ['b.example', 40, 20],
      ['c.example', 20, 10],
    ],
    ['b.example', 'a.example', 'c.example'],
  ],
])('candidates of %s', (_, flows, names) => {
  expect(candidates(['old.example', 500, 25], ...flows)).toEqual(names);
});

test('a candidate has all flows of its name', () => {
  const found = newServices(
    KNOWN,
    new Array<string>(9).fill('n.example'),
    new Uint8Array(9).fill(1),
    0,
  );
  expect(found).toEqual([{ name: 'n.example', rows: 9, rejected: 9 }]);
});
