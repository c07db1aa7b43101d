/**
 * The files of the raw data set as text: rows of 45 columns, daily statistics, servicemap.
 *
 * @see https://doi.org/10.1038/s41597-024-03927-4 (CESNET-TLS-Year22)
 */
import type { GeneratedFlow } from './generator-day.js';
import { GENERATOR } from './generator-parameters.js';
import type { World, WorldState } from './generator-world.js';
import type { AsciiWriter } from './generator-writer.js';

const FLAGS = ['CWR', 'ECE', 'URG', 'ACK', 'PSH', 'RST', 'SYN', 'FIN'];

/** Header of a raw day file: 45 column names in their order. */
export const GENERATED_HEADER = [
  ...['ID', 'SRC_IP', 'DST_IP', 'DST_ASN', 'DST_PORT', 'PROTOCOL', 'TLS_SNI', 'TLS_JA3'],
  ...['TIME_FIRST', 'TIME_LAST', 'DURATION', 'BYTES', 'BYTES_REV', 'PACKETS', 'PACKETS_REV'],
  ...['PPI_LEN', 'PPI_DURATION', 'PPI_ROUNDTRIPS', 'APP', 'CATEGORY'],
  ...FLAGS.flatMap((flag) => [`FLAG_${flag}`, `FLAG_${flag}_REV`]),
  ...['IDLE', 'ACTIVE', 'END', 'OTHER'].map((reason) => `FLOW_ENDREASON_${reason}`),
  ...['PPI', 'PHIST_SRC_SIZES', 'PHIST_DST_SIZES', 'PHIST_SRC_IPT', 'PHIST_DST_IPT'],
].join(',');

/** No row is longer: 30 packets of at most 22 bytes, names of at most 255 (RFC 1035). */
export const MAX_ROW_BYTES = 4096;

/** Writes one row of a raw day file, with its line end; at most `MAX_ROW_BYTES`. */
export function writeFlowRow(flow: GeneratedFlow, to: AsciiWriter): void {
  const { shape } = flow;
  const durationUs = Math.round(shape.durationMs * 1000);
  writeCounts(to, flow.id);
  to.address(flow.srcIp);
  to.text(',');
  to.address(flow.dstIp);
  to.text(',');
  writeCounts(to, flow.dstAsn);
  to.text(`443,6,`);
  to.text(flow.tlsSni);
  to.text(',');
  to.text(flow.tlsJa3);
  to.text(',');
  to.time(flow.timeFirstUs);
  to.text(',');
  to.time(flow.timeFirstUs + durationUs);
  to.text(',');
  to.decimal(durationUs, 6);
  to.text(',');
  writeCounts(to, shape.bytes, shape.bytesRev, shape.packets, shape.packetsRev, shape.ppiLength);
  to.decimal(Math.round(shape.ppiDurationMs), 3);
  to.text(',');
  writeCounts(to, shape.ppiRoundtrips);
  to.text(flow.app);
  to.text(',');
  to.text(flow.category);
  to.text(shape.reset ? RESET_FLAGS : shape.endReason === 'end' ? FINISHED_FLAGS : OPEN_FLAGS);
  to.text(END_REASONS[shape.endReason]);
  to.text(',"[');
  writeList(to, shape.iptMs, shape.ppiLength);
  to.text(', ');
  writeList(to, shape.directions, shape.ppiLength);
  to.text(', ');
  writeList(to, shape.sizesBytes, shape.ppiLength);
  to.text(', ');
  writeList(to, shape.pushFlags, shape.ppiLength);
  to.text(']","');
  writeList(to, shape.phistSrcSizes, GENERATOR.histogramBins);
  to.text('","');
  writeList(to, shape.phistDstSizes, GENERATOR.histogramBins);
  to.text('","');
  writeList(to, shape.phistSrcIpt, GENERATOR.histogramBins);
  to.text('","');
  writeList(to, shape.phistDstIpt, GENERATOR.histogramBins);
  to.text('"\n');
}

/** CWR, ECE and URG never; ACK, PSH and SYN in both directions; RST and FIN by how the flow ended. */
const RESET_FLAGS = ',0,0,0,0,0,0,1,1,1,1,1,0,1,1,0,0,';
const FINISHED_FLAGS = ',0,0,0,0,0,0,1,1,1,1,0,0,1,1,1,1,';
const OPEN_FLAGS = ',0,0,0,0,0,0,1,1,1,1,0,0,1,1,0,0,';

const END_REASONS = { idle: '1,0,0,0', active: '0,1,0,0', end: '0,0,1,0' } as const;

function writeCounts(to: AsciiWriter, ...counts: readonly number[]): void {
  for (const count of counts) {
    to.integer(count);
    to.text(',');
  }
}

/** CESNET writes its lists with a space after the comma, as Python's json does. */
function writeList(to: AsciiWriter, values: ArrayLike<number>, length: number): void {
  to.text('[');
  for (let i = 0; i < length; i++) {
    if (i > 0) to.text(', ');
    to.integer(values[i]!); // i < length
  }
  to.text(']');
}

/** Content of `stats-YYYYMMDD.json`, `stats-week.json`, `stats-dataset.json`: rows in total and per app. */
export function formatStats(rowsByApp: ReadonlyMap<string, number>): string {
  const apps = [...rowsByApp].sort(([a], [b]) => (a < b ? -1 : 1));
  const total = apps.reduce((sum, [, rows]) => sum + rows, 0);
  return `${JSON.stringify({ global: { 'total-saved': total }, apps: Object.fromEntries(apps) })}\n`;
}

/** Content of `servicemap.csv`: provider and category of every app, sorted by app. */
export function formatServicemap(world: World): string {
  const { apps, providers }: WorldState = world.stateOn(0);
  const sizes = new Map<number, number>();
  for (const { provider } of apps) sizes.set(provider, (sizes.get(provider) ?? 0) + 1);
  const rows = apps.map((app) => {
    const alone = sizes.get(app.provider) === 1;
    const provider = alone ? '' : (providers[app.provider]?.name ?? '');
    return `${app.name},${provider},${app.category}`;
  });
  return ['Tag,Service Provider,Service Category', ...rows.sort(), ''].join('\n');
}
