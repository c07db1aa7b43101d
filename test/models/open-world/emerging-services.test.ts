import { expect, test } from 'vitest';
import {
  findEmergingServices,
  type NameCount,
  type NewNames,
} from '../../../models/open-world/emerging-services.js';

const aWeek = (week: string, counts: readonly Partial<NameCount>[]): NewNames => ({
  week,
  weekFlows: 10_000,
  counts: counts.map((count) => ({
    ...{ domain: 'new.example', asn: 64_500, newNetwork: false },
    ...{ predicted: 'video', flows: 100, rejected: 60 },
    ...count,
  })),
});

test('a new domain that is mostly rejected is followed with share and growth', () => {
  const weeks = [
    aWeek('2022-W20', [{ flows: 20, rejected: 12 }]),
    aWeek('2022-W21', [{ flows: 50, rejected: 30 }]),
    aWeek('2022-W22', []),
    aWeek('2022-W23', [
      { flows: 60, rejected: 40 },
      { flows: 40, rejected: 10, predicted: 'mail' },
    ]),
  ];
  expect(findEmergingServices(weeks)).toEqual([
    {
      name: 'new.example',
      domains: [{ value: 'new.example', flows: 170 }],
      asns: [{ value: '64500', flows: 170 }],
      newNetwork: false,
      takenFor: [
        { value: 'video', flows: 48 },
        { value: 'mail', flows: 30 },
      ],
      weeks: [
        { week: '2022-W20', flows: 20, rejected: 12, share: 0.002 },
        { week: '2022-W21', flows: 50, rejected: 30, share: 0.005 },
        { week: '2022-W22', flows: 0, rejected: 0, share: 0 },
        { week: '2022-W23', flows: 100, rejected: 50, share: 0.01 },
      ],
      growth: 5,
    },
  ]);
});

test.each([
  { why: 'as many are rejected as of a known service', flows: 1000, rejected: 50 },
  { why: 'it has too few rejected flows', flows: 7, rejected: 7 },
  { why: 'the share may be chance', flows: 60, rejected: 9 },
])('a new domain is no candidate when $why', ({ flows, rejected }) => {
  expect(findEmergingServices([aWeek('2022-W20', [{ flows, rejected }])])).toEqual([]);
});

test('a new domain that nothing rejects is a candidate when a new network serves it', () => {
  const served = [
    { flows: 30, rejected: 0, newNetwork: true },
    { flows: 20, rejected: 0, asn: 1 },
  ];
  expect(findEmergingServices([aWeek('2022-W20', served)])).toMatchObject([
    { name: 'new.example', newNetwork: true, takenFor: [{ value: 'video', flows: 50 }] },
  ]);
});

test.each([
  { why: 'a known network serves it', flows: 49, known: 51 },
  { why: 'it has too few flows', flows: 7, known: 0 },
])('a new network makes no candidate when $why', ({ flows, known }) => {
  const counts = [
    { flows, rejected: 0, newNetwork: true },
    { flows: known, rejected: 0, asn: 1 },
  ];
  expect(findEmergingServices([aWeek('2022-W20', counts)])).toEqual([]);
});

test('domains of one network are one service, those of shared networks stay apart', () => {
  const shared = ['c.example', 'd.example'].flatMap((domain) =>
    [1, 2, 3].map((asn) => ({ domain, asn, flows: 30, rejected: 25 })),
  );
  const own = ['a.example', 'b.example'].map((domain) => ({ domain }));
  const found = findEmergingServices([aWeek('2022-W20', [...own, ...shared])]);
  expect(found.map(({ domains }) => domains.map(({ value }) => value))).toEqual([
    ['a.example', 'b.example'],
    ['c.example'],
    ['d.example'],
  ]);
});

test('a domain that comes later joins the service of its network, whose first week stays', () => {
  const weeks = [
    aWeek('2022-W20', [{ domain: 'a.example' }]),
    aWeek('2022-W21', [{ domain: 'a.example' }, { domain: 'b.example', rejected: 90 }]),
  ];
  const [found, ...rest] = findEmergingServices(weeks);
  expect(rest).toEqual([]);
  expect(found).toMatchObject({ growth: 2, weeks: [{ week: '2022-W20' }, { week: '2022-W21' }] });
});
