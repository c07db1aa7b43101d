/** The log of a run, of all tries of all its tasks, in the order of time. */
import { open } from 'node:fs/promises';
import type { TaskContext } from '../../contracts/engine.js';
import type { HomeLayout } from '../../contracts/home.js';
import { ifThere } from '../../contracts/if-there.js';
import { parseLogEntry, runLogFile, type LogEntry } from '../task-log.js';

/** One line; a line that goes on from the one before has its time, level, task and try. */
export type LogLine = LogEntry;

/** Which lines; what is left out does not matter. */
export interface LogFilter {
  /** A task with all its elements, or one element: `parse`, `parse[3]`. */
  readonly task?: string;
  readonly try?: number;
}

/** Reads the log of a run piece by piece. */
export interface LogReader {
  /** The lines since the last call, in the order of time; a line that is half written comes with the next. */
  next(): Promise<LogLine[]>;
}

/** The log of a run; there need not be any yet. */
export function logReader(
  layout: HomeLayout,
  run: Pick<TaskContext, 'dagRunId' | 'temporalRunId'>,
  filter: LogFilter = {},
): LogReader {
  const file = runLogFile(layout, run);
  let offset = 0;
  let entry: LogEntry | undefined;
  return {
    async next() {
      const { lines, end } = await linesFrom(file, offset);
      offset = end;
      return lines
        .flatMap((line): LogLine[] => {
          const first = parseLogEntry(line);
          entry = first ?? entry;
          if (entry === undefined || !matches(entry, filter)) return [];
          return [first ?? { ...entry, text: line }];
        })
        .sort((a, b) => a.atMs - b.atMs);
    },
  };
}

function matches(entry: LogEntry, { task, try: attempt }: LogFilter): boolean {
  const ofTask = task === undefined || entry.task === task || entry.task.startsWith(`${task}[`);
  return ofTask && (attempt === undefined || entry.try === attempt);
}

/** Whole lines from a byte on, and the byte after the last of them. */
async function linesFrom(file: string, offset: number): Promise<{ lines: string[]; end: number }> {
  const handle = await ifThere(open(file, 'r'));
  if (handle === undefined) return { lines: [], end: offset };
  try {
    const { size } = await handle.stat();
    const { buffer } = await handle.read({ buffer: Buffer.alloc(size - offset), position: offset });
    const end = buffer.lastIndexOf('\n') + 1;
    const lines = buffer.subarray(0, end).toString('utf8').split('\n').slice(0, -1);
    return { lines, end: offset + end };
  } finally {
    await handle.close();
  }
}
