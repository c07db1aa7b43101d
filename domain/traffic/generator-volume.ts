/**
 * How many flows each day of a week has.
 *
 * `exact`: the asked number for the week, cut by weekday and holiday; hours by the daily profile.
 * `year`: the asked number is an ordinary week of January or June; months, growth, a slow random walk,
 * noise and bursts act hour by hour, so that a forecast has something to learn and something to miss.
 */
import { PipelineError } from '../../contracts/errors.js';
import { seededRandom } from '../../contracts/seeded-random.js';
import {
  dateOfDay,
  isHoliday,
  mondayOfIsoWeek,
  pragueHours,
  weekdayOf,
  WORLD_EPOCH_DAY,
  worldWeekOf,
} from './generator-calendar.js';
import { drawExponential, drawInteger, drawNormal } from './generator-distributions.js';
import { isActive } from './generator-events.js';
import { GENERATOR } from './generator-parameters.js';
import type { World } from './generator-world.js';

/** How flows are counted; see the head of this file. */
export const VOLUME_MODES = ['exact', 'year'] as const;

/** One of the modes. */
export type VolumeMode = (typeof VOLUME_MODES)[number];

/** A day of a week and how many flows its file has. */
export interface DayPlan {
  /** Days since 1970-01-01. */
  readonly day: number;
  /** ISO week of the local date. */
  readonly week: string;
  /** `YYYY-MM-DD`, the local date. */
  readonly date: string;
  readonly flows: number;
  /** Flows of each local hour, 23..25 counts; null when the hours are left to the daily profile. */
  readonly hourFlows: readonly number[] | null;
}

/**
 * The days of a week that have a file; a `missing-day` event takes its day away.
 *
 * @param flowsPerWeek >= 7; in mode `exact` the sum of all seven days where no event takes flows away
 * @throws PipelineError GENERATE_BAD_WEEK, GENERATE_BAD_SIZE
 */
export function planWeek(
  world: World,
  week: string,
  flowsPerWeek: number,
  mode: VolumeMode = 'exact',
): DayPlan[] {
  if (!Number.isSafeInteger(flowsPerWeek) || flowsPerWeek < 7) {
    throw new PipelineError({
      code: 'GENERATE_BAD_SIZE',
      found: `${flowsPerWeek} flows per week`,
      expected: 'a whole number, at least 7',
      fix: 'Set --flows-per-week to 7 or more.',
    });
  }
  const monday = mondayOfIsoWeek(week);
  const days = Array.from({ length: 7 }, (_, i) => monday + i);
  const plans =
    mode === 'exact' ? exactDays(world, days, flowsPerWeek) : yearDays(world, days, flowsPerWeek);
  return plans
    .map((plan) => ({ ...plan, week, date: dateOfDay(plan.day) }))
    .filter(({ day }) => !hasEvent(world, day, 'missing-day'));
}

/** Weights of the local hours of a day, in the order of `pragueHours`. */
export function hourWeights(day: number): number[] {
  const { base, day: noon, evening, weekendPeak } = GENERATOR.volume.hour;
  const peak = weekdayOf(day) >= 5 ? weekendPeak : 1;
  return pragueHours(day).map(({ hour }) => {
    const peaks = [noon, evening].map(
      (bump) => bump.peak * Math.exp(-0.5 * ((hour + 0.5 - bump.hour) / bump.sdHours) ** 2),
    );
    return base + peak * peaks.reduce((sum, value) => sum + value, 0);
  });
}

type DayCounts = Pick<DayPlan, 'day' | 'flows' | 'hourFlows'>;

function exactDays(world: World, days: readonly number[], flowsPerWeek: number): DayCounts[] {
  const weights = days.map(dayWeight);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const shares = weights.map((weight, i) => {
    const factor = hasEvent(world, days[i]!, 'volume') ? GENERATOR.events.volume.factor : 1; // one weight per day
    return (weight * factor * halfWeekFactor(world, days[i]!)) / sum; // one weight per day
  });
  const total = Math.round(flowsPerWeek * shares.reduce((a, b) => a + b, 0));
  const counts = apportion(shares, total);
  return days.map((day, i) => ({ day, flows: counts[i]!, hourFlows: null })); // one count per day
}

function yearDays(world: World, days: readonly number[], flowsPerWeek: number): DayCounts[] {
  const { weekday, year } = GENERATOR.volume;
  const perDay = flowsPerWeek / weekday.reduce((sum, weight) => sum + weight, 0);
  const weather = drawWeather(world.seed, worldWeekOf(days[0]!)); // seven days
  return days.map((day) => {
    const random = seededRandom(world.seed, 'hour-counts', day);
    const month = year.month[Number(dateOfDay(day).slice(5, 7)) - 1]!; // twelve months
    const growth = Math.pow(year.weeklyGrowth, worldWeekOf(day));
    const level = perDay * growth * month * dayWeight(day) * halfWeekFactor(world, day);
    const weights = hourWeights(day);
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const hourFlows = pragueHours(day).map(({ startMs }, i) => {
      const expected = (level * weights[i]! * weather(startMs / HOUR_MS)) / sum; // one weight per hour
      return Math.floor(expected + random.uniform());
    });
    return { day, flows: hourFlows.reduce((a, b) => a + b, 0), hourFlows };
  });
}

function dayWeight(day: number): number {
  const { weekday, holiday, christmas } = GENERATOR.volume;
  const date = dateOfDay(day).slice(5);
  const factor = date >= '12-24' ? christmas : isHoliday(day) ? holiday : 1;
  return weekday[weekdayOf(day)]! * factor; // 7 weekdays
}

function halfWeekFactor(world: World, day: number): number {
  return hasEvent(world, day, 'half-week') ? GENERATOR.events.halfWeek.factor : 1;
}

function hasEvent(world: World, day: number, kind: World['events'][number]['kind']): boolean {
  return world.events.some((event) => event.kind === kind && isActive(event, day));
}

const HOUR_MS = 3_600_000;
const WEEK_HOURS = 168;

/**
 * Factor of each hour (hours since 1970-01-01T00Z) of a week of the world: an AR(1) in the exponent,
 * noise, bursts. It starts two weeks before: .85^168 leaves nothing of the start.
 */
function drawWeather(seed: number, week: number): (hour: number) => number {
  const { autoregression, noiseLogSd, bursts } = GENERATOR.volume.year;
  const firstHour = WORLD_EPOCH_DAY * 24 + (week - 2) * WEEK_HOURS;
  const factors = new Float64Array(4 * WEEK_HOURS);
  let level = 0;
  for (let w = 0; w < 4; w++) {
    const random = seededRandom(seed, 'weather', week - 2 + w);
    for (let h = 0; h < WEEK_HOURS; h++) {
      level = autoregression.phi * level + autoregression.sd * drawNormal(random);
      factors[w * WEEK_HOURS + h] = Math.exp(level + noiseLogSd * drawNormal(random));
    }
  }
  for (let w = 0; w < 4; w++) {
    const random = seededRandom(seed, 'bursts', week - 2 + w);
    const meanHours = WEEK_HOURS / bursts.perWeek;
    let at = drawExponential(random, meanHours);
    for (; at < WEEK_HOURS; at += drawExponential(random, meanHours)) {
      const [low, high] = bursts.factor as [number, number]; // a pair
      const factor = low + (high - low) * random.uniform();
      const from = w * WEEK_HOURS + Math.floor(at);
      const until = from + drawInteger(random, bursts.hours[0]!, bursts.hours[1]!); // a pair
      for (let h = from; h < Math.min(until, factors.length); h++) factors[h]! *= factor; // h < length
    }
  }
  return (hour) => factors[hour - firstHour]!; // a local week lies inside the four
}

/** Whole counts by largest remainder: proportional to the shares, with the given sum. */
function apportion(shares: readonly number[], total: number): number[] {
  const sum = shares.reduce((a, b) => a + b, 0);
  const exact = shares.map((share) => (share / sum) * total);
  const counts = exact.map(Math.floor);
  const byRemainder = exact
    .map((value, index) => ({ index, remainder: value % 1 }))
    .sort((a, b) => b.remainder - a.remainder || a.index - b.index);
  const left = total - counts.reduce((a, b) => a + b, 0);
  for (const { index } of byRemainder.slice(0, left)) counts[index]!++; // an index of counts
  return counts;
}
