/** A command of the CLI in this process, on the home and server that the environment names. */
import type { Command } from 'commander';
import { vi } from 'vitest';

/** What the command prints; with `--json` the document, else the text. */
export async function runCommand(
  command: () => Command,
  ...args: readonly string[]
): Promise<unknown> {
  const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    await command().parseAsync([...args], { from: 'user' });
    const text = written.mock.calls.map(([chunk]) => String(chunk)).join('');
    return args.includes('--json') ? JSON.parse(text) : text;
  } finally {
    written.mockRestore();
    told.mockRestore();
  }
}
