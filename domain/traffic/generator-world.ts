/**
 * The generated world: providers, apps and their templates, and how these change from week to week.
 *
 * A world is anchored at 2022-W01. The state of a later week is reached by one step of drift per week,
 * each step from its own random stream, so it does not depend on the weeks that are asked for.
 */
import { PipelineError } from '../../contracts/errors.js';
import { seededRandom, type SeededRandom } from '../../contracts/seeded-random.js';
import { isActive, parseTrafficEvents, rampOf, type TrafficEvent } from './generator-events.js';
import { isoWeekOf, WORLD_EPOCH_DAY, worldWeekOf } from './generator-calendar.js';
import { catalogueProviders, FRESH_CATEGORIES } from './generator-catalogue.js';
import {
  cumulativeShares,
  drawBeta,
  drawDirichlet,
  drawGeometric,
  drawIndex,
  drawInteger,
  drawLognormal,
  drawNormal,
  drawOneOf,
  drawPermutation,
} from './generator-distributions.js';
import { GENERATOR } from './generator-parameters.js';

/** Laws of the apps' shares. */
export const POPULARITIES = ['balanced', 'zipf'] as const;

/** One of the laws. */
export type Popularity = (typeof POPULARITIES)[number];

/** What makes a world. */
export interface WorldOptions {
  /** Any integer; equal options give equal bytes. */
  readonly seed: number;
  /** Apps at the start, >= 2. @default 180 */
  readonly apps?: number;
  /** Scripted events, `kind@YYYY-Www[-D]`. @default none */
  readonly events?: readonly string[];
  /**
   * How unequal the apps are: `balanced` as in the data set, which was sampled, or `zipf` as on the
   * wire, where most apps are rare. @default 'balanced'
   */
  readonly popularity?: Popularity;
  /** Whether templates change by themselves every week. @default true */
  readonly weeklyDrift?: boolean;
}

/** How a provider's servers shake hands. Sizes in bytes, times in ms. */
export interface ProviderTemplate {
  readonly name: string;
  readonly asn: number;
  readonly certificateBytes: number;
  readonly serverHelloBytes: number;
  readonly tls13Share: number;
  readonly resumptionShare: number;
  readonly splitFlight: boolean;
  readonly finishedBytes: number;
  readonly settingsBytes: number;
  readonly ticketCount: number;
  readonly ticketBytes: number;
  readonly rttMs: number;
}

/** One kind of request of an app, and its answer. Sizes in bytes, times in ms. */
interface EndpointTemplate {
  readonly requestBytes: number;
  readonly requestJitterBytes: number;
  readonly responseBytes: number;
  readonly responseLogSd: number;
  readonly thinkMs: number;
}

/** How an app behaves. */
export interface AppTemplate {
  readonly name: string;
  readonly category: string;
  /** Index of the provider. */
  readonly provider: number;
  /** Share of flows when all is well; 0 for an app that an event brings. */
  readonly popularity: number;
  /** Shares of the four client stacks. */
  readonly stackShares: readonly number[];
  readonly helloBytes: number;
  /** JA3 of each of the four client stacks. */
  readonly ja3: readonly string[];
  readonly endpoints: readonly EndpointTemplate[];
  readonly endpointShares: readonly number[];
  /** Mean of the geometric number of further rounds; 0 = always one round. */
  readonly extraRoundMean: number;
  readonly domains: readonly DomainTemplate[];
  readonly domainSums: Float64Array;
  /** Whether its flows carry other apps' traffic. */
  readonly tunnel: boolean;
}

/** A host name of an app; with shards, `#` in the name stands for the shard's number. */
interface DomainTemplate {
  readonly name: string;
  readonly shards: number;
  /** Distinguishes the addresses of the hosts. */
  readonly hostKey: number;
}

/** A change that happened by itself, for the ground truth. */
interface NaturalChange {
  readonly week: string;
  readonly kind: 'certificate' | 'server-stack' | 'endpoint' | 'rename';
  /** Name of the provider or app. */
  readonly of: string;
}

/** The templates of one week. */
export interface WorldState {
  readonly providers: readonly ProviderTemplate[];
  readonly apps: readonly AppTemplate[];
  readonly changes: readonly NaturalChange[];
}

/** A world: its options, its events, and the templates of every week. */
export interface World {
  readonly seed: number;
  readonly appCount: number;
  readonly events: readonly TrafficEvent[];
  /** The templates in force on a day (days since 1970-01-01); before 2022-W01 those of 2022-W01. */
  stateOn(day: number): WorldState;
}

/**
 * Builds the world of a seed.
 *
 * @throws PipelineError GENERATE_BAD_SIZE with fewer than 2 apps or a seed that is no integer; GENERATE_BAD_EVENT, GENERATE_BAD_WEEK for an event
 */
export function createWorld(options: WorldOptions): World {
  const { seed, apps = GENERATOR.apps, events = [], weeklyDrift = true } = options;
  const { popularity = 'balanced' } = options;
  if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(apps) || apps < 2) {
    throw new PipelineError({
      code: 'GENERATE_BAD_SIZE',
      found: `seed ${seed}, ${apps} apps`,
      expected: 'an integer seed and at least 2 apps',
      fix: 'Set --seed to a whole number and --apps to 2 or more.',
    });
  }
  const parsed = parseTrafficEvents(events);
  const states = [addNewApps(firstState(seed, apps, popularity), seed, parsed)];
  return {
    seed,
    appCount: apps,
    events: parsed,
    stateOn(day) {
      const week = weeklyDrift ? Math.max(0, worldWeekOf(day)) : 0;
      for (let next = states.length; next <= week; next++) {
        states.push(driftOneWeek(states[next - 1]!, seed, next)); // the week before is there
      }
      return states[week]!; // filled up to this week
    },
  };
}

/** Shares of the apps on a day, in the order of the apps; they sum to 1. */
export function appSharesOn(world: World, day: number): Float64Array {
  const { apps } = world.stateOn(day);
  const shares = Float64Array.from(apps, (app) => app.popularity);
  for (const event of world.events) {
    if (!isActive(event, day)) continue;
    if (event.kind === 'volume') {
      const random = seededRandom(world.seed, 'mix', event.name);
      for (let k = 0; k < shares.length; k++) {
        shares[k]! *= Math.exp(GENERATOR.events.volume.popularityLogSd * drawNormal(random)); // k < length
      }
    }
  }
  let total = shares.reduce((sum, share) => sum + share, 0);
  for (const event of world.events) {
    if (!isActive(event, day) || !bringsApp(event)) continue;
    const { newApp, vpn } = GENERATOR.events;
    const index = apps.findIndex((app) => app.name === newAppName(event));
    shares[index] =
      event.kind === 'vpn'
        ? total * vpn.share
        : total * newApp.share * rampOf(event, day, newApp.weeks);
  }
  total = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => share / total);
}

function firstState(seed: number, appCount: number, law: Popularity): WorldState {
  const catalogue = catalogueProviders(appCount, GENERATOR.providerSizes, GENERATOR.apps);
  const ranks = drawPermutation(
    seededRandom(seed, 'ranks'),
    Array.from({ length: appCount }, (_, rank) => rank),
  );
  const ja3 = Array.from({ length: GENERATOR.stacks.ja3Count }, (_, stack) =>
    drawHash(seed, stack),
  );
  const { offset, exponent, zipfExponent } = GENERATOR.popularity;
  const stretch = GENERATOR.apps / appCount; // a small world keeps the imbalance of the full one
  const apps: AppTemplate[] = [];
  const providers = catalogue.map((provider, index) => {
    for (const { name, category } of provider.apps) {
      const rank = ranks[apps.length]!; // one rank per app
      const popularity =
        law === 'zipf'
          ? Math.pow(rank + 1, -zipfExponent)
          : Math.pow(rank * stretch + offset, -exponent);
      apps.push(drawApp({ seed, name, category, provider: index, popularity, ja3 }));
    }
    return drawProvider(seed, provider.name);
  });
  const total = apps.reduce((sum, app) => sum + app.popularity, 0);
  return {
    providers,
    apps: apps.map((app) => ({ ...app, popularity: app.popularity / total })),
    changes: [],
  };
}

function addNewApps(state: WorldState, seed: number, events: readonly TrafficEvent[]): WorldState {
  const providers = [...state.providers];
  const apps = [...state.apps];
  const ja3 = Array.from({ length: GENERATOR.stacks.ja3Count }, (_, stack) =>
    drawHash(seed, stack),
  );
  for (const event of events.filter(bringsApp)) {
    const name = newAppName(event);
    if (apps.some((app) => app.name === name)) continue; // the tunnels are there already
    const near = event.kind === 'new-app';
    if (!near) providers.push(drawProvider(seed, name));
    const provider = near ? 0 : providers.length - 1;
    const category = near ? state.apps[0]!.category : FRESH_CATEGORIES[event.kind]; // a world has apps
    const app = drawApp({ seed, name, category, provider, popularity: 0, ja3 });
    apps.push(event.kind === 'vpn' ? { ...app, ...TUNNEL } : app);
  }
  return { providers, apps, changes: [] };
}

type AppEvent = TrafficEvent & { readonly kind: 'new-app' | 'new-app-far' | 'vpn' };

function bringsApp(event: TrafficEvent): event is AppEvent {
  return event.kind === 'new-app' || event.kind === 'new-app-far' || event.kind === 'vpn';
}

function newAppName(event: AppEvent): string {
  return event.kind === 'vpn' ? 'vpn' : `${event.kind}-${event.week.toLowerCase()}`;
}

/** A tunnel has one host, whatever goes through it. */
const TUNNEL = {
  tunnel: true,
  domains: [{ name: 'gate.vpn.example', shards: 0, hostKey: 1 }],
  domainSums: Float64Array.of(1),
};

function drawProvider(seed: number, name: string): ProviderTemplate {
  const random = seededRandom(seed, 'provider', name);
  const { certificateBytes: certificate, rttMs, ...rest } = GENERATOR.provider;
  return {
    name,
    asn: drawInteger(random, 30_000, 64_000),
    certificateBytes: clampCertificate(certificate.mean + certificate.sd * drawNormal(random)),
    serverHelloBytes: drawInteger(random, rest.serverHelloBytes[0]!, rest.serverHelloBytes[1]!), // a pair
    tls13Share: drawBeta(random, rest.tls13Share[0]!, rest.tls13Share[1]!), // a pair
    resumptionShare: drawBeta(random, rest.resumptionShare[0]!, rest.resumptionShare[1]!), // a pair
    splitFlight: random.uniform() < rest.splitFlightShare,
    finishedBytes: drawOneOf(random, rest.finishedBytes),
    rttMs: drawLognormal(random, rttMs.median, rttMs.logSd),
    ...drawServerStack(random),
  };
}

function drawServerStack(
  random: SeededRandom,
): Pick<ProviderTemplate, 'settingsBytes' | 'ticketCount' | 'ticketBytes'> {
  const { settingsBytes, ticketCountShares, ticketBytes } = GENERATOR.provider;
  return {
    settingsBytes: drawOneOf(random, settingsBytes),
    ticketCount: drawIndex(random, ticketCountShares),
    ticketBytes: drawInteger(random, ticketBytes[0]!, ticketBytes[1]!), // a pair
  };
}

interface AppSeed {
  readonly seed: number;
  readonly name: string;
  readonly category: string;
  readonly provider: number;
  readonly popularity: number;
  readonly ja3: readonly string[];
}

function drawApp(from: AppSeed): AppTemplate {
  const { seed, name, category, provider, popularity, ja3 } = from;
  const random = seededRandom(seed, 'app', name);
  const { stacks, app, domains } = GENERATOR;
  const endpointCount = 1 + drawIndex(random, app.endpointCountShares);
  const domainCount = Math.min(domains.max, 1 + drawGeometric(random, domains.geometricP));
  const names = Array.from({ length: domainCount }, (_, i) => drawDomain(random, name, i));
  return {
    name,
    category,
    provider,
    popularity,
    stackShares: drawDirichlet(random, stacks.appDirichlet),
    helloBytes: drawInteger(random, stacks.appHelloBytes[0]!, stacks.appHelloBytes[1]!), // a pair
    ja3: [ja3[0]!, ja3[1]!, drawOneOf(random, ja3.slice(2)), drawOneOf(random, ja3.slice(2))], // ja3Count is 12
    endpoints: Array.from({ length: endpointCount }, () => drawEndpoint(random)),
    endpointShares: drawEndpointShares(random, endpointCount),
    extraRoundMean: app.extraRoundMeans[drawIndex(random, app.extraRoundShares)]!, // same lengths
    domains: names,
    domainSums: cumulativeShares(names.map((_, i) => Math.pow(i + 1, -domains.zipfExponent))),
    tunnel: false,
  };
}

function drawEndpoint(random: SeededRandom): EndpointTemplate {
  const { requestBytes, responseBytes, thinkMs, ...rest } = GENERATOR.app;
  return {
    requestBytes: clamp(
      drawLognormal(random, requestBytes.median, requestBytes.logSd),
      requestBytes.min,
      requestBytes.max,
    ),
    requestJitterBytes: rest.requestJitterBytes[drawIndex(random, rest.requestJitterShares)]!, // same lengths
    responseBytes: clamp(
      drawLognormal(random, responseBytes.median, responseBytes.logSd),
      responseBytes.min,
      responseBytes.max,
    ),
    responseLogSd: rest.responseLogSds[drawIndex(random, rest.responseLogSdShares)]!, // same lengths
    thinkMs: drawLognormal(random, thinkMs.median, thinkMs.logSd),
  };
}

function drawEndpointShares(random: SeededRandom, count: number): number[] {
  return drawDirichlet(random, new Array<number>(count).fill(GENERATOR.app.endpointDirichlet));
}

const HOSTS = 'www api cdn static img auth data edge login events assets sync m media'.split(' ');

/** Hosts of an app: most under its own registrable domain, some under a second one; `.example` belongs to nobody (RFC 2606). */
function drawDomain(random: SeededRandom, app: string, index: number): DomainTemplate {
  const host = HOSTS[index % HOSTS.length]!; // the remainder is inside
  const owner = random.uniform() < 0.75 ? app : `${app}-${drawOneOf(random, HOSTS)}`;
  const number = index < HOSTS.length ? '' : String(Math.floor(index / HOSTS.length) + 1);
  const sharded = random.uniform() < GENERATOR.domains.wildcardShare;
  return {
    name: `${sharded ? `${host}-#` : host + number}.${owner}.example`,
    shards: sharded ? drawInteger(random, 2, GENERATOR.domains.shards) : 0,
    hostKey: random.nextUint32(),
  };
}

function drawHash(seed: number, stack: number): string {
  const random = seededRandom(seed, 'ja3', stack);
  let hash = '';
  for (let i = 0; i < 4; i++) hash += random.nextUint32().toString(16).padStart(8, '0');
  return hash;
}

function driftOneWeek(before: WorldState, seed: number, week: number): WorldState {
  const drift = GENERATOR.weeklyDrift;
  const changes: NaturalChange[] = [];
  const label = isoWeekOf(WORLD_EPOCH_DAY + 7 * week);
  const providers = before.providers.map((provider) => {
    const random = seededRandom(seed, 'drift', week, 'provider', provider.name);
    let after = provider;
    if (random.uniform() < drift.certificateShare) {
      const certificateBytes = clampCertificate(
        after.certificateBytes + drift.certificateSdBytes * drawNormal(random),
      );
      after = { ...after, certificateBytes };
      changes.push({ week: label, kind: 'certificate', of: provider.name });
    }
    if (random.uniform() < drift.serverStackShare) {
      after = { ...after, ...drawServerStack(random) };
      changes.push({ week: label, kind: 'server-stack', of: provider.name });
    }
    return after;
  });
  const apps = before.apps.map((app) => {
    const random = seededRandom(seed, 'drift', week, 'app', app.name);
    let after: AppTemplate = { ...app, endpoints: app.endpoints.map((e) => walk(e, random)) };
    if (random.uniform() < drift.endpointShare) {
      const replaced = random.below(after.endpoints.length);
      const endpoints = after.endpoints.map((e, i) => (i === replaced ? drawEndpoint(random) : e));
      after = { ...after, endpoints, endpointShares: drawEndpointShares(random, endpoints.length) };
      changes.push({ week: label, kind: 'endpoint', of: app.name });
    }
    if (random.uniform() < drift.renameShare) {
      const renamed = random.below(after.domains.length);
      const domains = after.domains.map((d, i) =>
        i === renamed ? drawDomain(random, `${app.name}-${label.toLowerCase()}`, i) : d,
      );
      after = { ...after, domains };
      changes.push({ week: label, kind: 'rename', of: app.name });
    }
    return after;
  });
  return { providers, apps, changes };
}

function walk(endpoint: EndpointTemplate, random: SeededRandom): EndpointTemplate {
  const { requestLogSd, responseLogSd } = GENERATOR.weeklyDrift;
  return {
    ...endpoint,
    requestBytes: endpoint.requestBytes * Math.exp(requestLogSd * drawNormal(random)),
    responseBytes: endpoint.responseBytes * Math.exp(responseLogSd * drawNormal(random)),
  };
}

function clampCertificate(bytes: number): number {
  const { min, max } = GENERATOR.provider.certificateBytes;
  return Math.round(clamp(bytes, min, max));
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
