/** Notices against a real mail server and a real web server. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json, text } from 'node:stream/consumers';
import { MockActivityEnvironment } from '@temporalio/testing';
import { SMTPServer } from 'smtp-server';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { createNoticeActivities, type PersonalNotice } from '../../activities/notices.js';
import { readNotifySettings } from '../../activities/notify-settings.js';
import { homeLayout } from '../../contracts/home.js';
import type { NotifySettings } from '../../contracts/schemas/notify-settings.js';

const NOTICE: PersonalNotice = {
  key: 'app-ensemble/2022-W26/alarm',
  title: 'app-ensemble: 2022-W26 drifted',
  text: 'feature_severity .075, threshold .04\nexporter change: most classes moved',
  json: { partition: '2022-W26', rows: 20_000 },
};

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sentinel-notices-'));
  onTestFinished(() => rm(home, { recursive: true }));
});

const layout = () => homeLayout(home);

async function settings(given: NotifySettings | string): Promise<void> {
  await writeFile(layout().notify, typeof given === 'string' ? given : JSON.stringify(given));
}

const send = (notice = NOTICE) =>
  new MockActivityEnvironment().run(() =>
    createNoticeActivities({ layout: layout() }).sendNotice(notice),
  );

/** A web server that answers the first posts with these codes, all others with 204. */
async function aWebhook(...answers: number[]) {
  const posts: { body: unknown; id: unknown }[] = [];
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      posts.push({ body, id: request.headers['idempotency-key'] });
      response.writeHead(answers.shift() ?? 204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo; // it listens on a port
  return { posts, url: `http://127.0.0.1:${port}/hook` };
}

/** A mail server that refuses the first mails. */
async function aMailServer(refusals = 0) {
  const mails: { from: string; to: string[]; text: string }[] = [];
  let left = refusals;
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    logger: false,
    onData(stream, { envelope }, done) {
      void text(stream).then((content) => {
        left -= 1;
        if (left >= 0) return done(new Error('mailbox is full'));
        const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
        mails.push({ from, to: envelope.rcptTo.map(({ address }) => address), text: content });
        done();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const { port } = server.server.address() as AddressInfo; // it listens on a port
  const mail = {
    ...{ smtp: `smtp://127.0.0.1:${port}`, from: 'sentinel@noc.example' },
    to: ['ops@noc.example', 'ml@noc.example'],
  };
  return { mails, mail };
}

test('a notice is told once by webhook and once by mail', async () => {
  const { posts, url } = await aWebhook();
  const { mails, mail } = await aMailServer();
  await settings({ webhook: url, mail });
  expect(await send()).toEqual([]);
  expect(await send()).toEqual([]);
  expect(posts).toEqual([{ body: NOTICE, id: expect.stringMatching(/^[0-9a-f]{64}$/) as string }]);
  expect(mails).toHaveLength(1);
  expect(mails[0]).toMatchObject({ from: 'sentinel@noc.example', to: mail.to });
  expect(mails[0]?.text).toContain('Subject: app-ensemble: 2022-W26 drifted');
  expect(mails[0]?.text).toContain('exporter change: most classes moved');
  expect(mails[0]?.text).toContain('filename=notice.json');
});

test('another notice is told as well', async () => {
  const { posts, url } = await aWebhook();
  await settings({ webhook: url });
  await send();
  await send({ ...NOTICE, key: 'app-ensemble/2022-W27/alarm' });
  expect(posts).toHaveLength(2);
});

test('a receiver that refuses is asked again, with the same id', async () => {
  const { posts, url } = await aWebhook(503, 500);
  await settings({ webhook: url });
  expect(await send()).toEqual([]);
  expect(new Set(posts.map(({ id }) => id)).size).toBe(1);
  expect(posts).toHaveLength(3);
});

test('a channel that fails five times is reported, and does not hold the other one back', async () => {
  const { posts, url } = await aWebhook();
  const { mails, mail } = await aMailServer(5);
  await settings({ webhook: url, mail });
  expect(await send()).toMatchObject([
    { code: 'NOTICE_FAILED', found: expect.stringContaining('mailbox is full') as string },
  ]);
  expect(posts).toHaveLength(1);
  expect(await send()).toEqual([]); // the mail alone is told now
  expect([posts.length, mails.length]).toEqual([1, 1]);
}, 30_000);

test('without settings nobody is told', async () => {
  expect(await send()).toEqual([]);
});

test.each([
  ['{ "webhook": ', undefined, 'JSON'],
  ['{ "webhook": "ftp://receiver" }', 'webhook', 'http:// or https://'],
  ['{ "mial": {} }', undefined, 'mial'],
  ['{ "mail": { "smtp": "smtp://h", "from": "a@b", "to": [] } }', 'mail.to', '>=1'],
  ['{ "mail": { "smtp": "mail.host:25", "from": "a@b", "to": ["c@d"] } }', 'mail.smtp', 'smtp://'],
])('settings %s are refused, and fail no run', async (given, column, found) => {
  await settings(given);
  const fault = {
    ...{ code: 'NOTIFY_INVALID', file: layout().notify, ...(column !== undefined && { column }) },
    found: expect.stringContaining(found) as string,
  };
  await expect(readNotifySettings(layout())).rejects.toMatchObject({ fault });
  expect(await send()).toMatchObject([fault]);
});
