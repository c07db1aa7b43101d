/** Drift windows from generated weeks: what tests of drift compare. */
import { binFlows, fitFlowBins, type FlowColumns } from '../../domain/drift/bin-flows.js';
import type { WindowFlows } from '../../domain/drift/judge-window.js';
import { MAX_ROW_BYTES, writeFlowRow } from '../../domain/traffic/generator-csv.js';
import { generateDay, type GeneratedFlow } from '../../domain/traffic/generator-day.js';
import type { FlowShape } from '../../domain/traffic/generator-packets.js';
import { planWeek, type DayPlan } from '../../domain/traffic/generator-volume.js';
import type { World } from '../../domain/traffic/generator-world.js';
import { AsciiWriter } from '../../domain/traffic/generator-writer.js';

/** A generated flow that stays as it is, with its packets as plain lists. */
export interface FlowRecord
  extends Omit<GeneratedFlow, 'shape'>, Omit<FlowShape, keyof PacketLists | Histogram> {
  readonly ppi: PacketLists;
  readonly phistSrcSizes: number[];
  readonly phistDstSizes: number[];
  readonly phistSrcIpt: number[];
  readonly phistDstIpt: number[];
}

type Histogram = 'phistSrcSizes' | 'phistDstSizes' | 'phistSrcIpt' | 'phistDstIpt';

interface PacketLists {
  readonly iptMs: number[];
  readonly directions: number[];
  readonly sizesBytes: number[];
  readonly pushFlags: number[];
}

/** Every flow of the weeks, in the order of the files. */
export function flowsOf(
  world: World,
  weeks: readonly string[],
  flowsPerWeek: number,
): FlowRecord[] {
  return weeks.flatMap((week) =>
    planWeek(world, week, flowsPerWeek).flatMap((plan) => flowsOfDay(world, plan)),
  );
}

/** Every flow of a day. */
export function flowsOfDay(world: World, plan: DayPlan): FlowRecord[] {
  return Array.from(generateDay(world, plan), recordOf);
}

/** The lines of the day files of a week, without their headers. */
export function rowsOfWeek(world: World, week: string, flowsPerWeek: number): string[] {
  const to = new AsciiWriter(MAX_ROW_BYTES);
  return planWeek(world, week, flowsPerWeek).flatMap((plan) =>
    Array.from(generateDay(world, plan), (flow) => {
      writeFlowRow(flow, to);
      return new TextDecoder().decode(to.take()).trimEnd();
    }),
  );
}

function recordOf({ shape, ...flow }: GeneratedFlow): FlowRecord {
  const cut = (packets: ArrayLike<number>): number[] =>
    Array.from(packets).slice(0, shape.ppiLength);
  return {
    ...flow,
    ppiLength: shape.ppiLength,
    ppi: {
      iptMs: cut(shape.iptMs),
      directions: cut(shape.directions),
      sizesBytes: cut(shape.sizesBytes),
      pushFlags: cut(shape.pushFlags),
    },
    ppiDurationMs: shape.ppiDurationMs,
    ppiRoundtrips: shape.ppiRoundtrips,
    durationMs: shape.durationMs,
    bytes: shape.bytes,
    bytesRev: shape.bytesRev,
    packets: shape.packets,
    packetsRev: shape.packetsRev,
    endReason: shape.endReason,
    reset: shape.reset,
    phistSrcSizes: Array.from(shape.phistSrcSizes),
    phistDstSizes: Array.from(shape.phistDstSizes),
    phistSrcIpt: Array.from(shape.phistSrcIpt),
    phistDstIpt: Array.from(shape.phistDstIpt),
  };
}

/** A window before its flows are classed. */
type UnclassedFlows = Omit<WindowFlows, 'classes'>;

/** Both windows, binned by the reference. */
export function windowsOf(
  reference: readonly FlowRecord[],
  current: readonly FlowRecord[],
): { reference: UnclassedFlows; current: UnclassedFlows } {
  const bins = fitFlowBins(columnsOf(reference));
  const window = (flows: readonly FlowRecord[]): UnclassedFlows => ({
    ...binFlows(columnsOf(flows), bins),
    blocks: Int32Array.from(flows, (flow) => Math.floor(flow.timeFirstUs / 3.6e9)),
    domains: flows.map((flow) => flow.tlsSni.split('.').slice(-2).join('.')),
  });
  return { reference: window(reference), current: window(current) };
}

/** Columns of flows, padded with zeros. */
export function columnsOf(flows: readonly FlowRecord[]): FlowColumns {
  const padded = (read: (flow: FlowRecord) => readonly number[], width: number): Int32Array => {
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
