/** One generated day on disk: its flows, packed, and its statistics. */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import lzma from 'lzma-native';
import {
  formatStats,
  GENERATED_HEADER,
  MAX_ROW_BYTES,
  writeFlowRow,
} from '../../domain/traffic/generator-csv.js';
import { generateDay } from '../../domain/traffic/generator-day.js';
import type { DayPlan } from '../../domain/traffic/generator-volume.js';
import type { World } from '../../domain/traffic/generator-world.js';
import { AsciiWriter } from '../../domain/traffic/generator-writer.js';
import { writeAtomically, type WrittenFile } from './generated-folder.js';

/** Compression of the day files; the real data set has xz. */
export const GENERATED_COMPRESSIONS = ['xz', 'gz', 'none'] as const;

/** How the written files are packed. */
export type GeneratedCompression = (typeof GENERATED_COMPRESSIONS)[number];

/** Where a day goes. */
export interface DayTarget {
  readonly outDir: string;
  readonly compression: GeneratedCompression;
  /** Asked between chunks of rows; true ends the day after removing the half-written file. @default never */
  readonly shouldStop?: () => boolean;
}

const CHUNK_BYTES = 1 << 18;

/** Speed before size: at preset 1 compression takes about a third of the time. */
const XZ_PRESET = 1;

/** Path of the day file below the folder: `WEEK-2022-22/2022-05-30/flows-20220530.csv.xz`. */
export function dayFileOf(plan: DayPlan, compression: GeneratedCompression): string {
  const ending = compression === 'none' ? '' : `.${compression}`;
  const folder = join(plan.week.replace(/^(\d{4})-W(\d{2})$/, 'WEEK-$1-$2'), plan.date);
  return join(folder, `flows-${plan.date.replaceAll('-', '')}.csv${ending}`);
}

/** Path of the statistics beside a day file. */
export function statsFileOf(dayFile: string): string {
  return dayFile.replace(/flows-(\d{8})\.csv.*$/, 'stats-$1.json');
}

/** Writes the day file and its statistics; null when told to stop. Memory does not grow with the flows but for 8 bytes each. */
export async function writeGeneratedDay(
  world: World,
  plan: DayPlan,
  target: DayTarget,
): Promise<WrittenFile | null> {
  const file = dayFileOf(plan, target.compression);
  const path = join(target.outDir, file);
  const temporary = `${path}.${randomUUID()}.tmp`;
  await mkdir(dirname(path), { recursive: true });
  const rowsByApp = new Map<string, number>();
  const tally = { rowsByApp, stopped: false, shouldStop: target.shouldStop ?? (() => false) };
  try {
    const text = Readable.from(dayText(world, plan, tally), { objectMode: false });
    const out = createWriteStream(temporary, { flags: 'wx', flush: true });
    switch (target.compression) {
      case 'xz':
        await pipeline(text, lzma.createCompressor({ preset: XZ_PRESET }), out);
        break;
      case 'gz':
        await pipeline(text, createGzip({ level: 6 }), out);
        break;
      case 'none':
        await pipeline(text, out);
        break;
    }
    if (tally.stopped) return null;
    await writeAtomically(join(target.outDir, statsFileOf(file)), formatStats(rowsByApp));
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  return { rows: plan.flows, bytes: (await stat(path)).size };
}

interface DayTally {
  readonly rowsByApp: Map<string, number>;
  stopped: boolean;
  readonly shouldStop: () => boolean;
}

function* dayText(world: World, plan: DayPlan, tally: DayTally): Generator<Uint8Array> {
  const rows = new AsciiWriter(CHUNK_BYTES);
  rows.text(`${GENERATED_HEADER}\n`);
  for (const flow of generateDay(world, plan)) {
    writeFlowRow(flow, rows);
    tally.rowsByApp.set(flow.app, (tally.rowsByApp.get(flow.app) ?? 0) + 1);
    if (rows.length < CHUNK_BYTES - MAX_ROW_BYTES) continue;
    yield rows.take();
    if (tally.shouldStop()) {
      tally.stopped = true;
      return;
    }
  }
  yield rows.take();
}
