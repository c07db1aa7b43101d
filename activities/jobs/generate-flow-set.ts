/** Generated weeks in memory: what `generateFlows` writes and `readRawFlows` reads, without files. */
import {
  HISTOGRAM_COLUMNS,
  tabularFeatures,
  TABULAR_FEATURE_NAMES,
} from '../../domain/traffic/features.js';
import {
  generateDay,
  partitionOf,
  type GeneratedFlow,
} from '../../domain/traffic/generator-day.js';
import { planWeek } from '../../domain/traffic/generator-volume.js';
import type { World } from '../../domain/traffic/generator-world.js';
import { registrableDomain } from '../../feature-store/feature-sql.js';
import type { FlowSet } from '../../feature-store/read-flows.js';
import { PPI_CHANNELS, PPI_PACKETS } from '../../models/model.js';

/**
 * The flows of some weeks, day after day, in order of time within a day.
 *
 * @throws PipelineError GENERATE_BAD_WEEK, GENERATE_BAD_SIZE
 */
export function generateFlowSet(
  world: World,
  weeks: readonly string[],
  flowsPerWeek: number,
): FlowSet {
  const plans = weeks.flatMap((week) => planWeek(world, week, flowsPerWeek));
  const n = plans.reduce((sum, { flows }) => sum + flows, 0);
  const F = TABULAR_FEATURE_NAMES.length;
  const P = PPI_PACKETS * PPI_CHANNELS;
  const set = {
    ...{ n, featureNames: TABULAR_FEATURE_NAMES },
    tabular: new Float32Array(n * F), // [n, F]
    ppi: new Float32Array(n * P), // [n, 30, 3]
    lengths: new Uint8Array(n),
    timeFirstMs: new Float64Array(n),
    sourceRow: new Float64Array(n),
    app: new Array<string>(n),
    category: new Array<string>(n),
    sniDomain: new Array<string>(n),
    sourceSha: new Array<string>(n), // the day in place of a file's hash
    week: new Array<string>(n),
  };
  const domains = new Map<string, string>();
  const numbers: Record<string, number | readonly number[]> = { ...SAME };
  let i = 0;
  for (const plan of plans) {
    for (const flow of generateDay(world, plan)) {
      const { shape, app, category, tlsSni } = flow;
      const domain = domains.get(tlsSni) ?? registrableDomain(tlsSni);
      domains.set(tlsSni, domain);
      readNumbers(flow, numbers);
      set.tabular.set(tabularFeatures(numbers), i * F);
      for (let t = 0; t < shape.ppiLength; t++) {
        const at = i * P + t * PPI_CHANNELS;
        set.ppi[at] = shape.sizesBytes[t]!; // t < 30
        set.ppi[at + 1] = shape.directions[t]!; // t < 30
        set.ppi[at + 2] = shape.iptMs[t]!; // t < 30
      }
      set.lengths[i] = shape.ppiLength;
      set.timeFirstMs[i] = flow.timeFirstUs / 1000;
      set.sourceRow[i] = flow.id + 1;
      set.app[i] = app;
      set.category[i] = category;
      set.sniDomain[i] = domain;
      set.sourceSha[i] = plan.date;
      set.week[i] = partitionOf(flow);
      i++;
    }
  }
  return set;
}

/** Writes the columns of `flows` that features are made of, as the exporter rounds them. */
function readNumbers(
  { shape }: GeneratedFlow,
  to: Record<string, number | readonly number[]>,
): void {
  const { bytes, bytesRev, packets, packetsRev, reset, endReason } = shape;
  to['bytes'] = bytes;
  to['bytes_rev'] = bytesRev;
  to['packets'] = packets;
  to['packets_rev'] = packetsRev;
  to['duration'] = Math.round(shape.durationMs * 1000) / 1e6;
  to['ppi_len'] = shape.ppiLength;
  to['ppi_duration'] = Math.round(shape.ppiDurationMs) / 1000;
  to['ppi_roundtrips'] = shape.ppiRoundtrips;
  const isFinished = !reset && endReason === 'end' ? 1 : 0;
  to['flag_rst'] = reset ? 1 : 0;
  to['flag_fin'] = isFinished;
  to['flag_fin_rev'] = isFinished;
  for (const reason of END_REASONS) to[`flow_endreason_${reason}`] = endReason === reason ? 1 : 0;
  const [srcSizes, dstSizes, srcIpt, dstIpt] = HISTOGRAM_COLUMNS;
  to[srcSizes] = Array.from(shape.phistSrcSizes);
  to[dstSizes] = Array.from(shape.phistDstSizes);
  to[srcIpt] = Array.from(shape.phistSrcIpt);
  to[dstIpt] = Array.from(shape.phistDstIpt);
}

const END_REASONS = ['idle', 'active', 'end', 'other'] as const;

/** What all generated flows have alike: TCP, and flags. */
const SAME: Readonly<Record<string, number>> = {
  protocol: 6,
  ...{ flag_cwr: 0, flag_cwr_rev: 0, flag_ece: 0, flag_ece_rev: 0, flag_urg: 0, flag_urg_rev: 0 },
  ...{ flag_ack: 1, flag_ack_rev: 1, flag_psh: 1, flag_psh_rev: 1, flag_syn: 1, flag_syn_rev: 1 },
  flag_rst_rev: 0,
};
