/**
 * The flows of one day: how many, when, of which apps and hosts, in the order of their start.
 *
 * A day is a local day in Prague, as in the files of the real data set; times are UTC.
 */
import { PipelineError } from '../../contracts/errors.js';
import { seededRandom, type SeededRandom } from '../../contracts/seeded-random.js';
import {
  dateOfDay,
  isHoliday,
  isoWeekOf,
  mondayOfIsoWeek,
  pragueHours,
  weekdayOf,
} from './generator-calendar.js';
import { cumulativeShares, drawFromCumulative, drawOneOf } from './generator-distributions.js';
import { isActive } from './generator-events.js';
import { drawDomainIndex, drawFlow, type FlowEffects, type FlowShape } from './generator-flow.js';
import { GENERATOR } from './generator-parameters.js';
import { appSharesOn, type AppTemplate, type World } from './generator-world.js';

/** A flow as the raw files tell it. */
export interface GeneratedFlow extends FlowShape {
  /** Row of the day, from 0. */
  readonly id: number;
  readonly srcIp: string;
  readonly dstIp: string;
  readonly dstAsn: number;
  readonly tlsSni: string;
  /** 32 hex digits. */
  readonly tlsJa3: string;
  /** Start in microseconds since 1970-01-01T00:00Z. */
  readonly timeFirstUs: number;
  readonly app: string;
  readonly category: string;
}

/** A day of a week and how many flows its file has. */
export interface DayPlan {
  /** Days since 1970-01-01. */
  readonly day: number;
  /** ISO week of the local date. */
  readonly week: string;
  /** `YYYY-MM-DD`, the local date. */
  readonly date: string;
  readonly flows: number;
}

/**
 * How the flows of a week fall on its seven day files: by weekday and holiday, exact in total.
 *
 * A `volume` event makes the week smaller.
 *
 * @param flowsPerWeek >= 7
 * @throws PipelineError GENERATE_BAD_WEEK, GENERATE_BAD_SIZE
 */
export function planWeek(world: World, week: string, flowsPerWeek: number): DayPlan[] {
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
  const { weekday, holiday } = GENERATOR.volume;
  const weights = days.map((day) => weekday[weekdayOf(day)]! * (isHoliday(day) ? holiday : 1)); // 7 weekdays
  const factors = days.map((day) =>
    world.events.some((e) => e.kind === 'volume' && isActive(e, day))
      ? GENERATOR.events.volume.factor
      : 1,
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const shares = weights.map((weight, i) => (weight * factors[i]!) / sum); // one factor per day
  const total = Math.round(flowsPerWeek * shares.reduce((a, b) => a + b, 0));
  const counts = apportion(shares, total);
  return days.map((day, i) => ({ day, week, date: dateOfDay(day), flows: counts[i]! })); // one count per day
}

/** The flows of one local day, in the order of their start. Needs the world only: equal arguments give equal flows. */
export function* generateDay(world: World, plan: DayPlan): Generator<GeneratedFlow, void, void> {
  const random = seededRandom(world.seed, 'day', plan.date);
  const { providers, apps } = world.stateOn(plan.day);
  const appSums = cumulativeShares(appSharesOn(world, plan.day));
  const starts = drawStarts(random, plan);
  for (let id = 0; id < plan.flows; id++) {
    const app = apps[drawFromCumulative(random, appSums)]!; // an index of the same table
    const provider = providers[app.provider]!; // every app names its provider
    const { shape, stack } = drawFlow(random, app, provider, effectsOn(world, plan.day, app));
    const host = drawHost(random, app);
    yield {
      ...shape,
      id,
      srcIp: drawClient(random),
      dstIp: host.ip,
      dstAsn:
        random.uniform() < GENERATOR.asn.ownShare
          ? provider.asn
          : drawOneOf(random, GENERATOR.asn.cdns),
      tlsSni: host.name,
      tlsJa3: app.ja3[stack]!, // four stacks
      timeFirstUs: starts[id]!, // one start per flow
      app: app.name,
      category: app.category,
    };
  }
}

/** ISO week by UTC of a flow, which decides its partition; a Monday file also holds rows of the week before. */
export function partitionOf(flow: Pick<GeneratedFlow, 'timeFirstUs'>): string {
  return isoWeekOf(Math.floor(flow.timeFirstUs / 86_400_000_000));
}

function effectsOn(world: World, day: number, app: AppTemplate): FlowEffects {
  let exporterRecord = false;
  let newFrontEndShare = 0;
  for (const event of world.events) {
    if (!isActive(event, day)) continue;
    if (event.kind === 'exporter') exporterRecord = true;
    const { provider, rollOutByDay } = GENERATOR.events.certificate;
    if (event.kind === 'certificate' && app.provider === provider) {
      const night = Math.min(day - event.fromDay, rollOutByDay.length - 1);
      newFrontEndShare = rollOutByDay[night]!; // clamped to the table
    }
  }
  return { exporterRecord, newFrontEndShare };
}

/** Start times in microseconds, ascending, by the hourly profile of the day. */
function drawStarts(random: SeededRandom, plan: DayPlan): Float64Array {
  const weekend = weekdayOf(plan.day) >= 5;
  const hours = pragueHours(plan.day);
  const sums = cumulativeShares(hours.map(({ hour }) => hourWeight(hour + 0.5, weekend)));
  const starts = new Float64Array(plan.flows);
  for (let i = 0; i < starts.length; i++) {
    const hour = hours[drawFromCumulative(random, sums)]!; // an index of the same table
    starts[i] = hour.startMs * 1000 + Math.floor(random.uniform() * 3_600_000_000);
  }
  return starts.sort();
}

function hourWeight(hour: number, weekend: boolean): number {
  const { base, day, evening, weekendPeak } = GENERATOR.volume.hour;
  const peaks = [day, evening].map(
    ({ peak, hour: centre, sdHours }) => peak * Math.exp(-0.5 * ((hour - centre) / sdHours) ** 2),
  );
  return base + (weekend ? weekendPeak : 1) * peaks.reduce((sum, peak) => sum + peak, 0);
}

const clientSums = cumulativeShares(
  Float64Array.from({ length: GENERATOR.clients.count }, (_, rank) =>
    Math.pow(rank + 1, -GENERATOR.clients.zipfExponent),
  ),
);

/** An anonymised client address in 10.0.0.0/8. */
function drawClient(random: SeededRandom): string {
  const client = drawFromCumulative(random, clientSums);
  return `10.${(client * 37) & 127}.${client >>> 8}.${client & 255}`;
}

/** A host of the app: its name, and an address in the benchmark range 198.18.0.0/15 (RFC 2544). */
function drawHost(
  random: SeededRandom,
  app: AppTemplate,
): { readonly name: string; readonly ip: string } {
  const domain = app.domains[drawDomainIndex(random, app)]!; // an index of the same table
  const shard = domain.shards === 0 ? 0 : 1 + random.below(domain.shards);
  const name = shard === 0 ? domain.name : domain.name.replace('#', String(shard));
  const address = (domain.hostKey + shard) >>> 0;
  return {
    name,
    ip: `198.${18 + (address & 1)}.${(address >>> 8) & 255}.${(address >>> 16) & 255}`,
  };
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
