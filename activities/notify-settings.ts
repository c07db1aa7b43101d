/** Whom a home tells: its `notify.json`, read anew for each notice. */
import { readFile } from 'node:fs/promises';
import { PipelineError } from '../contracts/errors.js';
import type { HomeLayout } from '../contracts/home.js';
import { ifThere } from '../contracts/if-there.js';
import { notifySettings, type NotifySettings } from '../contracts/schemas/notify-settings.js';

/**
 * The settings; without the file nobody is told.
 *
 * @throws PipelineError NOTIFY_INVALID
 */
export async function readNotifySettings({ notify: file }: HomeLayout): Promise<NotifySettings> {
  const text = await ifThere(readFile(file, 'utf8'));
  if (text === undefined) return {};
  const refuse = (found: string, column = ''): PipelineError =>
    new PipelineError({
      ...{ code: 'NOTIFY_INVALID', file, found, ...(column !== '' && { column }) },
      expected:
        '{ "webhook": "https://…", "mail": { "smtp": "smtp://…", "from": "…", "to": ["…"] } }',
      fix: 'correct it as docs/operations.md describes it, or remove the file to tell nobody',
    });
  const parsed = notifySettings.safeParse(parseJson(text, refuse));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw refuse(issue?.message ?? 'no settings', issue?.path.join('.'));
}

function parseJson(text: string, refuse: (found: string) => PipelineError): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error));
  }
}
