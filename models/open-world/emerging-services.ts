/**
 * Candidates for new services among the flows of a week that a model does not know, followed from week to week.
 *
 * A registrable domain that the training weeks did not have is a candidate when the model rejects clearly more of
 * its flows than of known services, or when a network that the training weeks did not have serves it: new names of a
 * known service are not rejected and stay on its networks, and known services that drifted have known names. The
 * second rule finds new services that behave like a known one, of which the model is sure. Names and networks are
 * used to find and name candidates only; no model sees them.
 */
import { wilsonLowerBound } from '../../domain/drift/wilson-bound.js';

/** Flows of one week under domains that training had not. */
export interface NewNames {
  readonly week: string;
  /** All flows of the week, also those of known domains. */
  readonly weekFlows: number;
  /** One entry for each domain, network and answer of the model. */
  readonly counts: readonly NameCount[];
}

/** Flows that agree in all of this. */
export interface NameCount {
  readonly domain: string;
  /** Number of the autonomous system of the server. */
  readonly asn: number;
  /** Training had not this network. */
  readonly newNetwork: boolean;
  readonly predicted: string;
  readonly flows: number;
  readonly rejected: number;
}

/** A candidate in one week. */
export interface CandidateWeek {
  readonly week: string;
  readonly flows: number;
  readonly rejected: number;
  /** Of all flows of the week, 0..1. */
  readonly share: number;
}

/** Domains that appeared together, as an analyst looks at them. */
export interface EmergingService {
  /** The domain with most flows. */
  readonly name: string;
  /** By flows, most first, over all weeks. */
  readonly domains: readonly Counted[];
  readonly asns: readonly Counted[];
  /** Training had not the network that serves it. */
  readonly newNetwork: boolean;
  /** What the model takes it for where it does not reject. */
  readonly takenFor: readonly Counted[];
  /** From the first week in which it was a candidate; weeks without its flows are there with 0. */
  readonly weeks: readonly CandidateWeek[];
  /** Flows of its last week by those of its first; 1 in its first week. */
  readonly growth: number;
}

/** A value and how many flows have it. */
export interface Counted {
  readonly value: string;
  readonly flows: number;
}

/** Fewer flows in a week that are rejected, or that a new network serves, make no candidate. */
const MIN_FLOWS = 8;

/** The lower bound of a domain's rejected share must lie above this: twice what rightly answered flows are allowed. */
const MIN_REJECTED_SHARE = 0.1;

/** Deviations below the share that its lower bound lies: one false alarm in a thousand names. */
const BOUND_DEVIATIONS = 3.09;

/** A network serves a candidate when it has at least this share of its flows; shared networks have less. */
const SERVING_SHARE = 0.5;

/**
 * Follows candidates through weeks, oldest first: domains are joined when they share the network that serves most of
 * their flows, or belong to a service of an earlier week.
 *
 * @returns by flows of the last week, most first
 */
export function findEmergingServices(weeks: readonly NewNames[]): EmergingService[] {
  let found: Group[] = [];
  for (const names of weeks) {
    const known = new Set(found.flatMap(({ domains }) => [...domains]));
    for (const domain of candidateDomains(names)) {
      if (!known.has(domain)) found.push(groupOf(domain, names));
    }
    found = joinByNetwork(found);
  }
  return found
    .map((group) => describe(group, weeks))
    .sort((a, b) => lastFlows(b) - lastFlows(a) || (a.name < b.name ? -1 : 1));
}

/** Domains of one service, and where and since when it was seen. */
interface Group {
  readonly domains: ReadonlySet<string>;
  /** The network that serves it; null when none has most of its flows. */
  readonly asn: number | null;
  readonly newNetwork: boolean;
  readonly since: string;
}

function candidateDomains({ counts }: NewNames): string[] {
  return [...groupBy(counts, ({ domain }) => domain)]
    .filter(([, own]) => isRejected(own) || servingNetwork(own)?.isNew === true)
    .map(([domain]) => domain);
}

function isRejected(counts: readonly NameCount[]): boolean {
  const rejected = sumOf(counts, 'rejected');
  const least = wilsonLowerBound(rejected, sumOf(counts, 'flows'), BOUND_DEVIATIONS);
  return rejected >= MIN_FLOWS && least > MIN_REJECTED_SHARE;
}

/** Null when no network has most of the flows. */
function servingNetwork(counts: readonly NameCount[]): { asn: number; isNew: boolean } | null {
  const [first] = countBy(counts, ({ asn }) => String(asn));
  if (first === undefined || first.flows < SERVING_SHARE * sumOf(counts, 'flows')) return null;
  const asn = Number(first.value);
  const isNew = counts.some((count) => count.asn === asn && count.newNetwork);
  return { asn, isNew: isNew && first.flows >= MIN_FLOWS };
}

function groupOf(domain: string, { week, counts }: NewNames): Group {
  const network = servingNetwork(counts.filter((count) => count.domain === domain));
  return {
    ...{ domains: new Set([domain]), since: week },
    ...{ asn: network?.asn ?? null, newNetwork: network?.isNew ?? false },
  };
}

function joinByNetwork(groups: readonly Group[]): Group[] {
  const alone = groups.filter(({ asn }) => asn === null);
  const served = groups.filter(({ asn }) => asn !== null);
  const joined = [...groupBy(served, ({ asn }) => asn)].map(([asn, parts]) => ({
    ...{ asn, domains: new Set(parts.flatMap(({ domains }) => [...domains])) },
    newNetwork: parts.some(({ newNetwork }) => newNetwork),
    since: parts.map(({ since }) => since).reduce((a, b) => (a < b ? a : b)),
  }));
  return [...joined, ...alone];
}

function describe(group: Group, weeks: readonly NewNames[]): EmergingService {
  const seen = weeks.filter(({ week }) => week >= group.since);
  const counts = seen.map(({ counts: all }) =>
    all.filter(({ domain }) => group.domains.has(domain)),
  );
  const course = seen.map(({ week, weekFlows }, i) => {
    const flows = sumOf(counts[i] ?? [], 'flows');
    const rejected = sumOf(counts[i] ?? [], 'rejected');
    return { week, flows, rejected, share: flows / Math.max(1, weekFlows) };
  });
  const all = counts.flat();
  const domains = countBy(all, ({ domain }) => domain);
  const accepted = all.map((count) => ({ ...count, flows: count.flows - count.rejected }));
  return {
    name: domains[0]?.value ?? '',
    domains,
    asns: countBy(all, ({ asn }) => String(asn)),
    newNetwork: group.newNetwork,
    takenFor: countBy(accepted, ({ predicted }) => predicted),
    weeks: course,
    growth: (course.at(-1)?.flows ?? 0) / Math.max(1, course[0]?.flows ?? 0),
  };
}

function countBy(counts: readonly NameCount[], key: (count: NameCount) => string): Counted[] {
  return [...groupBy(counts, key)]
    .map(([value, own]) => ({ value, flows: sumOf(own, 'flows') }))
    .filter(({ flows }) => flows > 0)
    .sort((a, b) => b.flows - a.flows || (a.value < b.value ? -1 : 1));
}

function groupBy<T, K>(values: readonly T[], key: (value: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const value of values) {
    const own = groups.get(key(value));
    if (own === undefined) groups.set(key(value), [value]);
    else own.push(value);
  }
  return groups;
}

function lastFlows({ weeks }: EmergingService): number {
  return weeks.at(-1)?.flows ?? 0;
}

function sumOf(counts: readonly NameCount[], of: 'flows' | 'rejected'): number {
  return counts.reduce((sum, count) => sum + count[of], 0);
}
