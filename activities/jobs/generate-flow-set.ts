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
    sourceSha: new Array<string>(n),
    week: new Array<string>(n),
  };
  const domains = new Map<string, string>();
  let i = 0;
  for (const plan of plans) {
    for (const flow of generateDay(world, plan)) {
      const { shape, app, category, tlsSni } = flow;
      const domain = domains.get(tlsSni) ?? registrableDomain(tlsSni);
      domains.set(tlsSni, domain);
      set.tabular.set(tabularFeatures(numbersOf(flow)), i * F);
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

/** The columns of `flows` that features are made of, as the exporter rounds them. */
function numbersOf({ shape }: GeneratedFlow): Record<string, number | readonly number[]> {
  const [srcSizes, dstSizes, srcIpt, dstIpt] = HISTOGRAM_COLUMNS;
  const isFinished = !shape.reset && shape.endReason === 'end' ? 1 : 0;
  return {
    ...{ bytes: shape.bytes, bytes_rev: shape.bytesRev },
    ...{ packets: shape.packets, packets_rev: shape.packetsRev },
    duration: Math.round(shape.durationMs * 1000) / 1e6,
    ppi_len: shape.ppiLength,
    ppi_duration: Math.round(shape.ppiDurationMs) / 1000,
    ppi_roundtrips: shape.ppiRoundtrips,
    protocol: 6,
    ...FLAGS,
    ...{ flag_rst: shape.reset ? 1 : 0, flag_fin: isFinished, flag_fin_rev: isFinished },
    flow_endreason_idle: shape.endReason === 'idle' ? 1 : 0,
    flow_endreason_active: shape.endReason === 'active' ? 1 : 0,
    flow_endreason_end: shape.endReason === 'end' ? 1 : 0,
    flow_endreason_other: 0,
    [srcSizes]: Array.from(shape.phistSrcSizes),
    [dstSizes]: Array.from(shape.phistDstSizes),
    [srcIpt]: Array.from(shape.phistSrcIpt),
    [dstIpt]: Array.from(shape.phistDstIpt),
  };
}

/** Flags that all generated flows have alike. */
const FLAGS = Object.fromEntries(
  ['cwr', 'ece', 'urg', 'ack', 'psh', 'rst', 'syn'].flatMap((flag) => {
    const isSet = ['ack', 'psh', 'syn'].includes(flag) ? 1 : 0;
    return ['', '_rev'].map((direction) => [`flag_${flag}${direction}`, isSet]);
  }),
);
