/**
 * The flows of one day: when, of which apps and hosts, in the order of their start.
 *
 * A day is a local day in Prague, as in the files of the real data set; times are UTC.
 */
import { seededRandom, type SeededRandom } from '../../contracts/seeded-random.js';
import { isoWeekOf, pragueHours } from './generator-calendar.js';
import { cumulativeShares, drawFromCumulative, drawOneOf } from './generator-distributions.js';
import { isActive, rampOf } from './generator-events.js';
import { drawDomainIndex, drawFlow, type FlowEffects } from './generator-flow.js';
import { PacketTape, type FlowShape } from './generator-packets.js';
import { GENERATOR } from './generator-parameters.js';
import { hourWeights, type DayPlan } from './generator-volume.js';
import { appSharesOn, type AppTemplate, type World } from './generator-world.js';

/** A flow as the raw files tell it. */
export interface GeneratedFlow {
  readonly shape: FlowShape;
  /** Row of the day, from 0. */
  readonly id: number;
  /** IPv4, 32 bits. */
  readonly srcIp: number;
  readonly dstIp: number;
  readonly dstAsn: number;
  readonly tlsSni: string;
  /** 32 hex digits. */
  readonly tlsJa3: string;
  /** Start in microseconds since 1970-01-01T00:00Z. */
  readonly timeFirstUs: number;
  readonly app: string;
  readonly category: string;
}

/**
 * The flows of one local day, in the order of their start. Needs the world only: equal arguments give
 * equal flows, whatever days were made before.
 *
 * A flow holds until the next one is asked for: its `shape` is written again.
 */
export function* generateDay(world: World, plan: DayPlan): Generator<GeneratedFlow, void, void> {
  const random = seededRandom(world.seed, 'day', plan.date);
  const { providers, apps } = world.stateOn(plan.day);
  const appSums = cumulativeShares(appSharesOn(world, plan.day));
  const effects = apps.map((app) => effectsOn(world, plan.day, app));
  const inner = apps.filter((app) => !app.tunnel);
  const starts = drawStarts(random, plan);
  const shape = new PacketTape(random);
  for (let id = 0; id < plan.flows; id++) {
    const k = drawFromCumulative(random, appSums);
    const app = apps[k]!; // an index of the same table
    const effect = effects[k]!; // an index of the same table
    const provider = providers[app.provider]!; // every app names its provider
    const stack = drawFlow(random, shape, { app, provider, effects: effect, inner });
    const host = drawHost(random, app, effect.renamedTo);
    const srcIp = drawClient(random);
    const own = random.uniform() < GENERATOR.asn.ownShare;
    yield {
      shape,
      id,
      srcIp,
      dstIp: host.ip,
      dstAsn: own ? provider.asn : drawOneOf(random, GENERATOR.asn.cdns),
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

interface DayEffects extends FlowEffects {
  /** What the domains of the app are called by after a rename; null before it. */
  readonly renamedTo: string | null;
}

function effectsOn(world: World, day: number, app: AppTemplate): DayEffects {
  const { certificate, rename, tls13 } = GENERATOR.events;
  let [exporterRecord, newFrontEndShare, tls13Added] = [false, 0, 0];
  let renamedTo: string | null = null;
  for (const event of world.events) {
    if (!isActive(event, day)) continue;
    if (event.kind === 'exporter') exporterRecord = true;
    if (event.kind === 'certificate' && app.provider === certificate.provider) {
      const night = Math.min(day - event.fromDay, certificate.rollOutByDay.length - 1);
      newFrontEndShare = certificate.rollOutByDay[night]!; // clamped to the table
    }
    if (event.kind === 'tls13') tls13Added = tls13.addedShare * rampOf(event, day, tls13.weeks);
    if (event.kind === 'rename' && app.provider === rename.provider) {
      renamedTo = event.week.toLowerCase();
    }
  }
  return { exporterRecord, newFrontEndShare, tls13Added, renamedTo };
}

/** Start times in microseconds, ascending; shape [plan.flows], 8 bytes per flow of the day. */
function drawStarts(random: SeededRandom, plan: DayPlan): Float64Array {
  const hours = pragueHours(plan.day);
  const sums = cumulativeShares(hourWeights(plan.day));
  const starts = new Float64Array(plan.flows);
  const startIn = (hour: number): number =>
    hours[hour]!.startMs * 1000 + Math.floor(random.uniform() * 3_600_000_000); // an index of the same table
  if (plan.hourFlows === null) {
    for (let i = 0; i < starts.length; i++) starts[i] = startIn(drawFromCumulative(random, sums));
  } else {
    let i = 0;
    plan.hourFlows.forEach((flows, hour) => {
      for (let n = 0; n < flows; n++) starts[i++] = startIn(hour);
    });
  }
  return starts.sort();
}

const clientSums = cumulativeShares(
  Float64Array.from({ length: GENERATOR.clients.count }, (_, rank) =>
    Math.pow(rank + 1, -GENERATOR.clients.zipfExponent),
  ),
);

/** An anonymised client address in 10.0.0.0/8. */
function drawClient(random: SeededRandom): number {
  const client = drawFromCumulative(random, clientSums);
  return ((10 << 24) | (((client * 37) & 127) << 16) | client) >>> 0;
}

/** A host of the app: its name, and an address in the benchmark range 198.18.0.0/15 (RFC 2544). */
function drawHost(
  random: SeededRandom,
  app: AppTemplate,
  renamedTo: string | null,
): { readonly name: string; readonly ip: number } {
  const domain = app.domains[drawDomainIndex(random, app)]!; // an index of the same table
  const shard = domain.shards === 0 ? 0 : 1 + random.below(domain.shards);
  const name = shard === 0 ? domain.name : domain.name.replace('#', String(shard));
  const address = (domain.hostKey + shard) >>> 0;
  const low = ((address & 0xff00) | ((address >>> 16) & 255)) >>> 0;
  return {
    name: renamedTo === null ? name : name.replace(/\.example$/, `-${renamedTo}.example`),
    ip: ((198 << 24) | ((18 + (address & 1)) << 16) | low) >>> 0,
  };
}
