/** Drift windows from generated weeks: what tests of drift compare. */
import { binFlows, fitFlowBins, type FlowColumns } from '../../domain/drift/bin-flows.js';
import type { DriftWindow } from '../../domain/drift/judge-drift.js';
import { generateDay, planWeek, type GeneratedFlow } from '../../domain/traffic/generator-day.js';
import type { World } from '../../domain/traffic/generator-world.js';

/** Every flow of the weeks, in the order of the files. */
export function flowsOf(
  world: World,
  weeks: readonly string[],
  flowsPerWeek: number,
): GeneratedFlow[] {
  return weeks.flatMap((week) =>
    planWeek(world, week, flowsPerWeek).flatMap((plan) => [...generateDay(world, plan)]),
  );
}

/** Both windows, binned by the reference. */
export function windowsOf(
  reference: readonly GeneratedFlow[],
  current: readonly GeneratedFlow[],
): { reference: DriftWindow; current: DriftWindow } {
  const bins = fitFlowBins(columnsOf(reference));
  const window = (flows: readonly GeneratedFlow[]): DriftWindow => ({
    ...binFlows(columnsOf(flows), bins),
    blocks: Int32Array.from(flows, (flow) => Math.floor(flow.timeFirstUs / 3.6e9)),
    sniDomains: flows.map((flow) => flow.tlsSni.split('.').slice(-2).join('.')),
  });
  return { reference: window(reference), current: window(current) };
}

/** Columns of flows, padded with zeros. */
export function columnsOf(flows: readonly GeneratedFlow[]): FlowColumns {
  const padded = (read: (flow: GeneratedFlow) => readonly number[], width: number): Int32Array => {
    const column = new Int32Array(flows.length * width);
    flows.forEach((flow, i) => column.set(read(flow), i * width));
    return column;
  };
  return {
    n: flows.length,
    ppiLengths: Int32Array.from(flows, (flow) => flow.ppi.iptMs.length),
    sizesBytes: padded((flow) => flow.ppi.sizesBytes, 30),
    directions: padded((flow) => flow.ppi.directions, 30),
    iptMs: padded((flow) => flow.ppi.iptMs, 30),
    phistSrcSizes: padded((flow) => flow.phistSrcSizes, 8),
    phistDstSizes: padded((flow) => flow.phistDstSizes, 8),
    phistSrcIpt: padded((flow) => flow.phistSrcIpt, 8),
    phistDstIpt: padded((flow) => flow.phistDstIpt, 8),
  };
}
