/** What is wrong with a schedule, all of it in one go, each fault with its mend. */
import { PipelineError, type Fault } from '../contracts/errors.js';
import { assetsOf, type AssetCondition } from './assets.js';
import { cronCalendar, fullCalendar } from './calendar.js';
import { describePartitions, isPartition, type PartitionKind } from './partitions.js';
import { cronLines, firesByTime, OVERLAPS, type Schedule } from './schedule.js';
import { firstTimes } from './schedule-times.js';
import { isTimeZone } from './wall-clock.js';

/** The shortest catch-up window that Temporal takes. */
const MIN_CATCHUP_MS = 10_000;

/**
 * The faults of a schedule, none when it is sound.
 *
 * @param file what the faults name as their place: the DAG's id
 */
export function scheduleFaults(
  schedule: Schedule,
  partitions: PartitionKind,
  file: string,
): Fault[] {
  const faults: Fault[] = [];
  const add = (found: string, expected: string, fix: string): void => {
    faults.push({ code: 'DAG_BAD_SCHEDULE', file, found, expected, fix });
  };
  const attempt = (read: () => unknown): void => {
    try {
      read();
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error;
      faults.push({ ...error.fault, file });
    }
  };
  const { timeZone, every, jitterMs, catchupWindowMs, overlap, startAt, endAt, assets } = schedule;

  for (const line of cronLines(schedule.cron)) attempt(() => cronCalendar(line));
  for (const calendar of [...(schedule.calendar ?? []), ...(schedule.skip ?? [])]) {
    attempt(() => fullCalendar(calendar));
  }
  if (timeZone !== undefined && !isTimeZone(timeZone)) {
    add(`timeZone "${timeZone}"`, 'an IANA name, such as Europe/Prague', 'correct the name');
  }
  if (every !== undefined) {
    const { intervalMs, offsetMs = 0 } = every;
    if (!(isSeconds(intervalMs) && intervalMs > 0)) {
      add(`every ${intervalMs} ms`, 'whole seconds, at least 1000 ms', 'correct intervalMs');
    } else if (!(isSeconds(offsetMs) && offsetMs >= 0 && offsetMs < intervalMs)) {
      add(
        `an offset of ${offsetMs} ms in every ${intervalMs} ms`,
        'whole seconds, from 0 and less than the interval',
        'correct offsetMs',
      );
    }
  }
  if (jitterMs !== undefined && !(Number.isInteger(jitterMs) && jitterMs >= 0)) {
    add(`jitterMs ${jitterMs}`, 'whole milliseconds from 0', 'correct jitterMs');
  }
  if (
    catchupWindowMs !== undefined &&
    !(Number.isInteger(catchupWindowMs) && catchupWindowMs >= MIN_CATCHUP_MS)
  ) {
    add(
      `catchupWindowMs ${catchupWindowMs}`,
      `whole milliseconds from ${MIN_CATCHUP_MS}`,
      'correct catchupWindowMs, or leave it out for 30 days',
    );
  }
  if (overlap !== undefined && !OVERLAPS.includes(overlap)) {
    add(`overlap "${String(overlap)}"`, `one of ${OVERLAPS.join(', ')}`, 'correct overlap');
  }
  for (const [name, time] of Object.entries({ startAt, endAt })) {
    if (time === undefined || isInstant(time)) continue;
    add(`${name} "${time}"`, 'an instant such as 2022-06-06T04:00:00Z', 'write it with its zone');
  }
  if (assets !== undefined && !isCondition(assets)) {
    add(
      `assets ${JSON.stringify(assets)}`,
      'the name of an asset, { all: […] } or { any: […] } with at least one member each',
      'complete the condition',
    );
  }
  if (!firesByTime(schedule)) {
    if (assets !== undefined) return faults;
    add('a schedule that never fires', 'cron, every, calendar or assets', 'add one, or drop it');
    return faults;
  }
  if (typeof partitions === 'object') {
    add(
      'times, for a DAG with listed partitions',
      'time partitions, none, or a schedule of assets only',
      'drop the times: no clock can tell which key is meant',
    );
  }
  if (faults.length === 0 && firstTimes(schedule, 0, 1).length === 0) {
    add(
      'times that never come',
      'at least one time before 2101 that matches, is not skipped and lies between startAt and endAt',
      'correct the calendar (a day such as February 30?), skip, startAt or endAt',
    );
  }
  return faults;
}

/** What the rules between DAGs need to know of each. */
export interface AssetUser {
  readonly dag: string;
  readonly partitions: PartitionKind;
  readonly schedule: Schedule | null;
  /** Assets that its tasks update. */
  readonly updates: readonly string[];
}

/**
 * The faults between DAGs that update assets and those that wait for them: nobody updates an asset, or
 * the partitions of both do not fit.
 */
export function assetFaults(dags: readonly AssetUser[]): Fault[] {
  return dags.flatMap(({ dag, partitions, schedule }) =>
    assetsOf(schedule?.assets ?? { all: [] }).flatMap((asset): Fault[] => {
      const producers = dags.filter(({ updates }) => updates.includes(asset));
      if (producers.length === 0) {
        return [
          {
            code: 'DAG_BAD_SCHEDULE',
            file: dag,
            found: `it waits for the asset "${asset}", which no task updates`,
            expected: `one of ${[...new Set(dags.flatMap(({ updates }) => updates))].join(', ')}`,
            fix: `correct the name, or add \`updates: ['${asset}']\` to the task that makes it`,
          },
        ];
      }
      if (partitions === 'none') return [];
      return producers
        .filter((producer) => !fits(producer.partitions, partitions))
        .map((producer) => ({
          code: 'DAG_BAD_SCHEDULE',
          file: dag,
          found: `it waits for the asset "${asset}" of ${producer.dag}, whose partitions are ${describePartitions(producer.partitions)}`,
          expected: describePartitions(partitions),
          fix: `give both DAGs the same partitions, or ${dag} none`,
        }));
    }),
  );
}

/** Each partition of the producer is one of the consumer's. */
function fits(producer: PartitionKind, consumer: PartitionKind): boolean {
  if (typeof producer !== 'object') return producer === consumer;
  return producer.keys.every((key) => isPartition(consumer, key));
}

function isSeconds(ms: number): boolean {
  return Number.isInteger(ms / 1_000);
}

function isInstant(text: string): boolean {
  return /^\d{4}-.*(Z|[+-]\d\d:?\d\d)$/.test(text) && Number.isFinite(Date.parse(text));
}

function isCondition(condition: AssetCondition): boolean {
  if (typeof condition === 'string') return condition.trim() !== '';
  const parts = 'all' in condition ? condition.all : condition.any;
  return Array.isArray(parts) && parts.length > 0 && parts.every(isCondition);
}
