/** How commands speak: results on stdout, everything else on stderr, faults with their mend. */
import Table from 'cli-table3';
import pc from 'picocolors';
import { describeFault, PipelineError } from '../contracts/errors.js';

/** The one JSON document of a `--json` call. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** A line for the reader at the terminal; never mixed with results. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** A plain table: bold head, no inner rules. */
export function table(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const grid = new Table({
    head: head.map((title) => pc.bold(title)),
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 2 },
    chars: Object.fromEntries(
      ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left']
        .concat([
          'bottom-right',
          'left',
          'left-mid',
          'mid',
          'mid-mid',
          'right',
          'right-mid',
          'middle',
        ])
        .map((part) => [part, '']),
    ),
  });
  grid.push(...rows.map((row) => row.map((cell) => String(cell ?? ''))));
  return grid.toString();
}

/** Says what went wrong and returns the exit code: 2 for bad usage, 1 for the rest. */
export function reportError(error: unknown): 1 | 2 {
  if (error instanceof PipelineError) {
    say(pc.red(describeFault(error.fault)));
    return error.code === 'CLI_USAGE' ? 2 : 1;
  }
  say(pc.red(error instanceof Error ? (error.stack ?? error.message) : String(error)));
  return 1;
}
