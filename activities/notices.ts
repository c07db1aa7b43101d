/** Telling people by webhook and mail what happened to a served model. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { createTransport } from 'nodemailer';
import { PipelineError, type Fault } from '../contracts/errors.js';
import type { HomeLayout } from '../contracts/home.js';
import type { JsonObject } from '../contracts/json.js';
import type { NotifySettings } from '../contracts/schemas/notify-settings.js';
import { createExclusive } from '../feature-store/delta/durable-file.js';
import { readNotifySettings } from './notify-settings.js';
import { postJson } from './post-json.js';
import { taskLog } from './task-log.js';

/** What people are told. */
export interface PersonalNotice {
  /** Unique and stable: the same notice twice is told once. */
  readonly key: string;
  /** One line: the subject of the mail. */
  readonly title: string;
  /** Plain text. */
  readonly text: string;
  /** The same for machines. */
  readonly json: JsonObject;
}

/** Tries of each channel. */
const TRIES = 5;
/** After the first failed try; doubled after each further one. */
const FIRST_WAIT_MS = 500;
const MAIL_TIMEOUT_MS = 30_000;

/** The activity behind notices, on one home. */
export function createNoticeActivities({ layout }: { readonly layout: HomeLayout }) {
  return {
    /**
     * Tells everyone whom `notify.json` names, each channel once: that it was told is written down, and
     * only a worker that dies between the two tells it again, under the same id. A channel that fails
     * five times is logged and left, so that no run fails for it.
     *
     * @returns why a channel was not told, NOTIFY_INVALID or NOTICE_FAILED; empty when all were
     */
    async sendNotice(notice: PersonalNotice): Promise<Fault[]> {
      try {
        const channels = channelsOf(await readNotifySettings(layout));
        const told = channels.map((channel) => tellOnce(layout, channel, notice));
        return (await Promise.all(told)).flat();
      } catch (error) {
        if (!(error instanceof PipelineError)) throw error;
        return [logged(error)];
      }
    },
  };
}

/** For `proxyActivities` in workflows. */
export type NoticeActivities = ReturnType<typeof createNoticeActivities>;

interface Channel {
  readonly name: 'webhook' | 'mail';
  /** One try; `id` is the notice's, in hex. */
  readonly tell: (notice: PersonalNotice, id: string) => Promise<void>;
}

function channelsOf({ webhook, mail }: NotifySettings): Channel[] {
  return [
    ...(webhook === undefined
      ? []
      : [
          {
            name: 'webhook' as const,
            tell: (notice: PersonalNotice, id: string) => post(webhook, notice, id),
          },
        ]),
    ...(mail === undefined
      ? []
      : [
          {
            name: 'mail' as const,
            tell: (notice: PersonalNotice, id: string) => send(mail, notice, id),
          },
        ]),
  ];
}

async function tellOnce(
  { notices }: HomeLayout,
  { name, tell }: Channel,
  notice: PersonalNotice,
): Promise<Fault[]> {
  const id = createHash('sha256').update(`${name}/${notice.key}`).digest('hex');
  const told = join(notices, `${id}.json`);
  if (existsSync(told)) return [];
  const { cancellationSignal: signal } = Context.current();
  for (let attempt = 1; ; attempt++) {
    try {
      await tell(notice, id);
      await createExclusive(told, JSON.stringify({ channel: name, ...notice }));
      return [];
    } catch (error) {
      signal.throwIfAborted();
      if (attempt === TRIES) return [logged(failed(name, notice, error))];
    }
    await sleep(FIRST_WAIT_MS * 2 ** (attempt - 1), undefined, { signal });
  }
}

function post(url: string, notice: PersonalNotice, id: string): Promise<void> {
  return postJson(url, JSON.stringify(notice), id, Context.current().cancellationSignal);
}

async function send(
  { smtp, from, to }: NonNullable<NotifySettings['mail']>,
  { title, text, json }: PersonalNotice,
  id: string,
): Promise<void> {
  const transport = createTransport({
    url: smtp,
    connectionTimeout: MAIL_TIMEOUT_MS,
    greetingTimeout: MAIL_TIMEOUT_MS,
    socketTimeout: MAIL_TIMEOUT_MS,
  });
  try {
    await transport.sendMail({
      ...{ from, to, subject: title, text: `${text}\n` },
      messageId: `<${id}@sentinel-flow>`, // a mail program shows a repeated one once
      attachments: [{ filename: 'notice.json', content: JSON.stringify(json, null, 2) }],
    });
  } finally {
    transport.close();
  }
}

function failed(channel: string, { title }: PersonalNotice, cause: unknown): PipelineError {
  return new PipelineError(
    {
      code: 'NOTICE_FAILED',
      found: `"${title}" by ${channel}: ${cause instanceof Error ? cause.message : String(cause)}`,
      expected: 'an answer of 200 to 299, or a mail server that takes the mail',
      fix: 'see whether the receiver is up and notify.json is right; it was tried five times, and the run goes on without it',
    },
    { cause },
  );
}

/** In the log of the task where there is one, and in the worker's. */
function logged(error: PipelineError): Fault {
  taskLog().write('error', error.message);
  console.error(error.message);
  return error.fault;
}
