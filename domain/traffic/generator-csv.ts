/**
 * The files of the raw data set as text: rows of 45 columns, daily statistics, servicemap.
 *
 * @see https://doi.org/10.1038/s41597-024-03927-4 (CESNET-TLS-Year22)
 */
import type { GeneratedFlow } from './generator-day.js';
import type { World, WorldState } from './generator-world.js';

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

/** One row of a raw day file, without the line end. */
export function formatFlowRow(flow: GeneratedFlow): string {
  const durationUs = Math.round(flow.durationMs * 1000);
  const { iptMs, directions, sizesBytes, pushFlags } = flow.ppi;
  const ppi = `"[${list(iptMs)}, ${list(directions)}, ${list(sizesBytes)}, ${list(pushFlags)}]"`;
  return (
    `${flow.id},${flow.srcIp},${flow.dstIp},${flow.dstAsn},443,6,${flow.tlsSni},${flow.tlsJa3},` +
    `${formatTime(flow.timeFirstUs)},${formatTime(flow.timeFirstUs + durationUs)},` +
    `${durationUs / 1e6},${flow.bytes},${flow.bytesRev},${flow.packets},${flow.packetsRev},` +
    `${iptMs.length},${Math.round(flow.ppiDurationMs) / 1000},${flow.ppiRoundtrips},` +
    `${flow.app},${flow.category},${formatFlags(flow)},${END_REASONS[flow.endReason]},${ppi},` +
    `"${list(flow.phistSrcSizes)}","${list(flow.phistDstSizes)}",` +
    `"${list(flow.phistSrcIpt)}","${list(flow.phistDstIpt)}"`
  );
}

/** Content of `stats-YYYYMMDD.json`: how many rows the day file has, in total and per app. */
export function formatDayStats(rowsByApp: ReadonlyMap<string, number>): string {
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

/** CESNET writes its lists with a space after the comma, as Python's json does. */
function list(values: readonly number[]): string {
  return `[${values.join(', ')}]`;
}

const END_REASONS = { idle: '1,0,0,0', active: '0,1,0,0', end: '0,0,1,0' } as const;

function formatFlags(flow: GeneratedFlow): string {
  const closed = flow.endReason === 'end';
  const finished = closed && !flow.reset ? 1 : 0;
  const reset = flow.reset ? 1 : 0;
  return `0,0,0,0,0,0,1,1,1,1,${reset},0,1,1,${finished},${finished}`;
}

/** Naive UTC with microseconds: `2022-06-06T00:00:34.930000`. */
function formatTime(epochUs: number): string {
  const ms = Math.floor(epochUs / 1000);
  const us = String(epochUs - ms * 1000).padStart(3, '0');
  return new Date(ms).toISOString().slice(0, -1) + us;
}
