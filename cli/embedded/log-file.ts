/** What a process of the home wrote last, for the message that says it has ended. */
import { readFile } from 'node:fs/promises';

const LINES = 10;

/** The last lines of a log, without a newline at the end. */
export async function lastLines(file: string): Promise<string> {
  return (await readFile(file, 'utf8')).trimEnd().split('\n').slice(-LINES).join('\n');
}
