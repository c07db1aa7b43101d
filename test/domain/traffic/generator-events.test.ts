import { describe, expect, test } from 'vitest';
import { isoWeeksBetween, mondayOfIsoWeek } from '../../../domain/traffic/generator-calendar.js';
import { formatServicemap } from '../../../domain/traffic/generator-csv.js';
import { parseTrafficEvents, recordEvent } from '../../../domain/traffic/generator-events.js';
import { GENERATOR } from '../../../domain/traffic/generator-parameters.js';
import { planWeek } from '../../../domain/traffic/generator-volume.js';
import {
  createWorld,
  type World,
  type WorldOptions,
} from '../../../domain/traffic/generator-world.js';
import {
  flowsOf,
  flowsOfDay,
  rowsOfWeek,
  type FlowRecord,
} from '../../builders/generated-window.js';

describe('events', () => {
  test('the exporter adds a 6-byte client record to half of the flows, from its day on', () => {
    const world = aWorld({ events: ['exporter@2022-W26-3'] });
    const shareOn = (date: string): number => {
      const plan = planWeek(world, '2022-W26', 8000).find((day) => day.date === date);
      const flows = flowsOfDay(world, plan!); // a day of the week
      return flows.filter((flow) => flow.ppi.sizesBytes.includes(6)).length / flows.length;
    };
    expect(shareOn('2022-06-28')).toBe(0);
    expect(shareOn('2022-06-29')).toBeCloseTo(0.5, 1);
  });

  test('an event changes nothing before its day', () => {
    const before = rowsOf(aWorld({ events: ['exporter@2022-W26', 'volume@2022-W26'] }), '2022-W25');
    expect(before).toEqual(rowsOf(aWorld(), '2022-W25'));
  });

  test('a volume event makes the week smaller and mixes the apps anew', () => {
    const world = aWorld({ events: ['volume@2022-W27'] });
    expect(total(planWeek(world, '2022-W26', 1000))).toBe(1000);
    expect(total(planWeek(world, '2022-W27', 1000))).toBe(600);
    expect(total(planWeek(world, '2022-W36', 1000))).toBe(1000);
  });

  test('a certificate event reaches the second provider only', () => {
    const plain = flowsOf(aWorld(), ['2022-W27'], 4000);
    const changed = flowsOf(aWorld({ events: ['certificate@2022-W26'] }), ['2022-W27'], 4000);
    const bytes = (flows: typeof plain, google: boolean): number => {
      const mine = flows.filter((flow) => flow.app.startsWith('google-') === google);
      return mine.reduce((sum, flow) => sum + handshakeBytes(flow), 0) / mine.length;
    };
    expect(bytes(changed, true)).toBeGreaterThan(bytes(plain, true) + 100);
    expect(Math.abs(bytes(changed, false) - bytes(plain, false))).toBeLessThan(60);
  });

  test.each(['new-app', 'new-app-far'])('%s brings a service that grows', (kind) => {
    const world = aWorld({ events: [`${kind}@2022-W24`] });
    const share = (week: string): number =>
      flowsOf(world, [week], 8000).filter((flow) => flow.app === `${kind}-2022-w24`).length / 8000;
    expect(share('2022-W23')).toBe(0);
    expect(share('2022-W29')).toBeGreaterThan(0.005);
    expect(formatServicemap(world)).toContain(`${kind}-2022-w24`);
  });

  test('a rename gives the first provider other host names, and leaves every packet as it is', () => {
    const plain = flowsOf(aWorld(), ['2022-W27'], 2000);
    const renamed = flowsOf(aWorld({ events: ['rename@2022-W26'] }), ['2022-W27'], 2000);
    expect(renamed.map((flow) => flow.ppi)).toEqual(plain.map((flow) => flow.ppi));
    const changed = renamed.filter((flow, i) => flow.tlsSni !== plain[i]!.tlsSni); // as many flows
    expect(changed.length).toBeGreaterThan(50);
    for (const { app, tlsSni } of changed) {
      expect(app).toMatch(/^microsoft-/);
      expect(tlsSni).toMatch(/-2022-w26\.example$/);
    }
    const all = renamed.filter((flow) => flow.app.startsWith('microsoft-'));
    expect(changed).toHaveLength(all.length);
  });

  test('the share of TLS 1.3 grows by .15 in four weeks', () => {
    const [plain, changed] = [aWorld(), aWorld({ events: ['tls13@2022-W26'] })];
    const added = (week: string): number => tls13Share(changed, week) - tls13Share(plain, week);
    expect(added('2022-W25')).toBe(0);
    expect(added('2022-W27')).toBeGreaterThan(0.02);
    expect(added('2022-W27')).toBeLessThan(0.11);
    expect(Math.abs(added('2022-W30') - 0.15)).toBeLessThan(0.04); // a provider at .9 gains .1
  });

  test('vpn tunnels are one flow in a hundred: one name, 30 of 30 packets, minutes long', () => {
    const flows = flowsOf(aWorld({ events: ['vpn@2022-W26'] }), ['2022-W27'], 8000);
    const tunnels = flows.filter((flow) => flow.app === 'vpn');
    expect(tunnels.length / flows.length).toBeCloseTo(0.01, 2);
    expect(new Set(tunnels.map((flow) => flow.tlsSni)).size).toBe(1);
    expect(new Set(tunnels.map((flow) => flow.category))).toEqual(new Set(['VPN']));
    expect(tunnels.every((flow) => flow.ppi.sizesBytes.length === 30)).toBe(true);
    const minutes = tunnels.map((flow) => flow.durationMs / 60_000).sort((a, b) => a - b);
    const median = minutes[minutes.length >> 1]!; // there are tunnels
    expect(median).toBeGreaterThan(7);
    expect(median).toBeLessThan(14);
    const last = (flow: FlowRecord): number => flow.ppi.sizesBytes[29]!; // 30 packets
    const padded = tunnels.filter((flow) => last(flow) === 1448 || last(flow) % 8 === 0);
    expect(padded).toHaveLength(tunnels.length); // blocks of 16; 1448 is half a block over
  });

  test('a missing day has no file, the other days are as they were', () => {
    const plain = planWeek(aWorld(), '2022-W26', 1000);
    const events = ['missing-day@2022-W26-3'];
    expect(planWeek(aWorld({ events }), '2022-W26', 1000)).toEqual(
      plain.filter((day) => day.date !== '2022-06-29'),
    );
  });

  test('half a week has less than half of the flows, for seven days', () => {
    const world = aWorld({ events: ['half-week@2022-W26-2'] });
    expect(total(planWeek(world, '2022-W25', 1000))).toBe(1000);
    expect(total(planWeek(world, '2022-W26', 1000))).toBeGreaterThan(450); // its Monday is whole
    expect(total(planWeek(world, '2022-W26', 1000))).toBeLessThan(600);
  });

  test('tls-year22 is the script of a year: 8 days without a file', () => {
    const world = aWorld({ events: ['tls-year22'] });
    const days = isoWeeksBetween('2022-W01', '2022-W52').flatMap((week) =>
      planWeek(world, week, 1000),
    );
    expect(days).toHaveLength(52 * 7 - 8);
    const dates = days.map((day) => day.date);
    for (const missing of ['2022-01-28', '2022-01-30', '2022-12-12', '2022-12-13', '2022-12-31']) {
      expect(dates).not.toContain(missing);
    }
    const exporter = world.events.map(recordEvent).find(({ kind }) => kind === 'exporter');
    expect(exporter?.from).toBe('2022-03-09');
  });

  test('are recorded as ground truth', () => {
    expect(parseTrafficEvents(['exporter@2022-W26']).map(recordEvent)[0]).toMatchObject({
      kind: 'exporter',
      from: '2022-06-27',
      until: null,
    });
  });

  test.each(['exporter', 'exporter@2022-26', 'flood@2022-W26', 'exporter@2022-W26-8'])(
    '"%s" is refused with an example',
    (text) => {
      expect(() => parseTrafficEvents([text])).toThrow(/GENERATE_BAD_EVENT.*exporter@2022-W26/);
    },
  );
});

function aWorld(change: Partial<WorldOptions> = {}): World {
  return createWorld({ seed: 7, apps: 40, ...change });
}

function rowsOf(world: World, week: string): string[] {
  return rowsOfWeek(world, week, 70);
}

function total(days: readonly { readonly flows: number }[]): number {
  return days.reduce((sum, day) => sum + day.flows, 0);
}

/** Share of TLS 1.3 among the full handshakes, told by the bytes of the server flight. */
function tls13Share(world: World, week: string): number {
  const { apps, providers } = world.stateOn(mondayOfIsoWeek(week));
  const { tls12Bytes, tls13Bytes } = GENERATOR.serverFlight;
  let [old, new_] = [0, 0];
  for (const flow of flowsOf(world, [week], 4000)) {
    const { provider } = apps.find(({ name }) => name === flow.app)!; // an app of the world
    const { serverHelloBytes, certificateBytes } = providers[provider]!; // its provider
    const rest = handshakeBytes(flow) - serverHelloBytes - certificateBytes;
    if (rest === tls12Bytes) old++;
    if (rest === tls13Bytes) new_++;
  }
  return new_ / (old + new_);
}

/** Bytes of the server before the client speaks again. */
function handshakeBytes(flow: {
  readonly ppi: { readonly directions: number[]; readonly sizesBytes: number[] };
}): number {
  const { directions, sizesBytes } = flow.ppi;
  const end = directions.indexOf(1, 1);
  return sizesBytes.slice(1, end).reduce((sum, bytes) => sum + bytes, 0);
}
