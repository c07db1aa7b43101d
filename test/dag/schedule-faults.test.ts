import { describe, expect, it, test } from 'vitest';
import type { PartitionKind } from '../../dag/partitions.js';
import type { Overlap, Schedule } from '../../dag/schedule.js';
import { assetFaults, scheduleFaults, type AssetUser } from '../../dag/schedule-faults.js';

describe('a schedule that is sound', () => {
  it.each<[PartitionKind, Schedule]>([
    ['iso-week', { cron: '0 4 * * 1', timeZone: 'Europe/Prague' }],
    ['day', { cron: '0 4 * * MON' }],
    ['none', { cron: ['@hourly', '*/15 8-17/2 1,15 jan-mar 1-7 2026', '0 0 0 * * * *'] }],
    ['hour', { every: { intervalMs: 1_000 }, jitterMs: 0, catchupWindowMs: 10_000 }],
    ['month', { calendar: [{ dayOfMonth: 1, hour: [{ start: 0, end: 12, step: 6 }, 23] }] }],
    [{ keys: ['eu', 'us'] }, { assets: { any: ['a', { all: ['b', 'c'] }] } }],
    ['none', { cron: '@daily', assets: 'a', overlap: 'skip', startAt: '2022-06-06T04:00+02:00' }],
  ])('%o %o', (partitions, schedule) => {
    expect(scheduleFaults(schedule, partitions, 'd')).toEqual([]);
  });
});

describe('a schedule with a fault names it', () => {
  it.each<[string, Schedule, PartitionKind, RegExp]>([
    ['no field at all', {}, 'none', /never fires/],
    ['no cron line', { cron: [] }, 'none', /never fires/],
    ['four fields', { cron: '0 4 * *' }, 'none', /cron "0 4 \* \*"/],
    ['a zone in the line', { cron: 'TZ=UTC 0 4 * * *' }, 'none', /timeZone/],
    ['@every', { cron: '@every 1h' }, 'none', /`every` for @every/],
    ['a minute of 60', { cron: '60 * * * *' }, 'none', /minute "60"/],
    ['a range backwards', { cron: '0 9-8 * * *' }, 'none', /hour "9-8"/],
    ['a step of 0', { cron: '*/0 * * * *' }, 'none', /minute "\*\/0"/],
    ['an unknown day', { cron: '0 0 * * monkey' }, 'none', /dayOfWeek "monkey"/],
    ['the last day of a month', { cron: '0 0 L * *' }, 'none', /dayOfMonth "L"/],
    ['a calendar with hour 24', { calendar: [{ hour: 24 }] }, 'none', /hour 24 in a calendar/],
    ['a skip with half a day', { cron: '@daily', skip: [{ dayOfMonth: 1.5 }] }, 'none', /1\.5/],
    ['a zone nobody knows', { cron: '@daily', timeZone: 'Europe/Atlantis' }, 'none', /Atlantis/],
    ['an offset as zone', { cron: '@daily', timeZone: '+02:00' }, 'none', /\+02:00/],
    ['an interval of nothing', { every: { intervalMs: 0 } }, 'none', /every 0 ms/],
    ['half a second', { every: { intervalMs: 500 } }, 'none', /whole seconds/],
    ['an offset as long', { every: { intervalMs: 1e3, offsetMs: 1e3 } }, 'none', /an offset of/],
    ['a jitter below 0', { cron: '@daily', jitterMs: -1 }, 'none', /jitterMs -1/],
    ['no time to catch up', { cron: '@daily', catchupWindowMs: 1 }, 'none', /catchupWindowMs 1/],
    ['an overlap', { cron: '@daily', overlap: 'both' as Overlap }, 'none', /overlap "both"/],
    ['a start without zone', { cron: '@daily', startAt: '2022-06-06' }, 'none', /startAt/],
    ['an end before the start', { cron: '0 0 1 1 * 2022', endAt: '2021-01-01T00:00Z' }, 'none', /never come/], // prettier-ignore
    ['February 30', { cron: '0 0 30 2 *' }, 'none', /never come/],
    ['all of it skipped', { cron: '@daily', skip: [{ hour: '*' }] }, 'none', /never come/],
    ['listed keys by time', { cron: '@daily' }, { keys: ['eu'] }, /listed partitions/],
    ['an empty condition', { assets: { all: [] } }, 'none', /assets \{"all":\[\]\}/],
  ])('%s', (_, schedule, partitions, message) => {
    const faults = scheduleFaults(schedule, partitions, 'd');
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatchObject({ code: 'DAG_BAD_SCHEDULE', file: 'd' });
    expect(Object.values(faults[0]!).join(' ')).toMatch(message); // there is one
  });

  it('all faults come in one go', () => {
    const schedule = { cron: ['x', 'y'], timeZone: 'Nowhere', every: { intervalMs: -1 } };
    expect(scheduleFaults(schedule, 'none', 'd')).toHaveLength(4);
  });
});

describe('assets between DAGs', () => {
  const producer: AssetUser = { dag: 'p', partitions: 'iso-week', schedule: null, updates: ['a'] };
  const consumer = (over: Partial<AssetUser>): AssetUser => ({
    dag: 'c',
    partitions: 'iso-week',
    schedule: { assets: 'a' },
    updates: [],
    ...over,
  });

  test.each<[string, AssetUser, AssetUser, RegExp[]]>([
    ['alike', producer, consumer({}), []],
    ['a consumer without partitions', producer, consumer({ partitions: 'none' }), []],
    ['another kind', producer, consumer({ partitions: 'day' }), [/of p, whose partitions/]],
    [
      'nobody updates it',
      producer,
      consumer({ schedule: { assets: 'b' } }),
      [/"b", which no task/],
    ],
    [
      'keys that the consumer has too',
      { ...producer, partitions: { keys: ['eu'] } },
      consumer({ partitions: { keys: ['us', 'eu'] } }),
      [],
    ],
  ])('%s', (_, one, two, messages) => {
    const found = assetFaults([one, two]).map((fault) => fault.found);
    expect(found).toHaveLength(messages.length);
    messages.forEach((message, index) => expect(found[index]).toMatch(message));
  });
});
