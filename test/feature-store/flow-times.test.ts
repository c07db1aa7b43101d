import { expect, test } from 'vitest';
import type { Selection } from '../../contracts/schemas/values.js';
import { rowsByDay, timesAt, weeksOf } from '../../feature-store/flow-times.js';
import { featuresOf } from '../../feature-store/read-flows.js';
import { rowsOf } from '../../feature-store/select-rows.js';
import { aFlow, aHome, deriveFeatures, flowCsv, ingest, type StoreHome } from './store-builders.js';

const TIMES = [
  ...['2022-06-12T23:59:59.999999', '2022-06-13T00:00:00', '2022-06-13T10:00:00.25'],
  ...['2022-06-15T10:00:00', '2022-06-20T00:00:00'],
];

async function aHomeWithTimes(): Promise<StoreHome> {
  const home = await aHome();
  const flows = TIMES.map((time, i) => aFlow({ TIME_FIRST: time, BYTES: 1000 + i }));
  await ingest(home, await home.file('flows.csv', flowCsv(flows)));
  await deriveFeatures(home);
  return home;
}

const ms = (time: string): number => Date.parse(`${time}Z`);
const span = (from: string | null, to: string | null): Selection => {
  return { kind: 'time', fromMs: from && ms(from), toMs: to && ms(to) } as Selection; // null or a time
};
const all = span(null, null);

test('flows are counted by day, days without any are none', async () => {
  const home = await aHomeWithTimes();
  expect(await rowsByDay(home, all)).toEqual([1, 2, 1, 1]);
  expect(await rowsByDay(home, span('2022-06-13T00:00:01', '2022-06-20T00:00'))).toEqual([1, 1]);
  expect(await rowsByDay(home, span('2023-01-01', null))).toEqual([]);
});

test('flows are found by their place in time', async () => {
  const home = await aHomeWithTimes();
  expect(await timesAt(home, all, [0, 2, 4])).toEqual([
    ms('2022-06-12T23:59:59') + 999.999,
    ms('2022-06-13T10:00:00.250'),
    ms('2022-06-20T00:00:00'),
  ]);
  const [second] = await timesAt(home, span('2022-06-13T00:00:00', null), [1]);
  expect(second).toBe(ms('2022-06-13T10:00:00.250'));
});

test('a span of time opens the files of its weeks alone', async () => {
  const home = await aHomeWithTimes();
  const snapshot = await featuresOf(home);
  const weeksRead = (selection: Selection) => [
    ...new Set(rowsOf(snapshot, selection).match(/(?<=iso_week=)\d+/g)),
  ];
  expect(weeksRead(all).sort()).toEqual(['23', '24', '25']);
  expect(weeksRead(span('2022-06-13T00:00:00', '2022-06-19T00:00:00'))).toEqual(['24']);
  expect(weeksRead(span(null, '2022-06-12T00:00:00'))).toEqual(['23']);
  expect(weeksRead(span('2022-06-20T00:00:00', null))).toEqual(['25']);
  expect(await weeksOf(home, span('2022-06-13T00:00:00', null))).toEqual(['2022-W24', '2022-W25']);
});
