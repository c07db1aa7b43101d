import { request } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { localBlobStore } from '../../payloads/blob-store.js';
import { startCodecServer, type CodecServer } from '../../payloads/codec-server.js';
import { payloadCodec } from '../../payloads/payload-codec.js';

const UI_PORT = 8233;
const VALUE = 'x'.repeat(200_000);

let folder: string;
let server: CodecServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sentinel-codec-server-'));
  const codec = payloadCodec(localBlobStore(folder));
  server = await startCodecServer({ codec, port: 0, uiPort: () => UI_PORT });
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

/** `fetch` sets Host and Origin itself, so this is Node's own client. */
function call(
  path: string,
  body: string,
  { method = 'POST', ...headers }: Record<string, string> = {},
): Promise<{ status: number; headers: Record<string, unknown>; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port: server.port, path, method, headers },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on(
          'end',
          () => resolve({ status: response.statusCode!, headers: response.headers, body: text }), // answered
        );
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

interface Message {
  readonly payloads: readonly { metadata: Record<string, string>; data: string }[];
}

function messageOf(...payloads: Payload[]): string {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  return JSON.stringify({
    payloads: payloads.map(({ metadata, data }) => ({
      metadata: { encoding: base64(metadata!['encoding']!) }, // made by the converter
      data: base64(data!),
    })),
  });
}

test('what /encode has made small, /decode gives back', async () => {
  const message = messageOf(defaultPayloadConverter.toPayload(VALUE));
  const encoded = await call('/encode', message);
  expect(encoded.status).toBe(200);
  expect(encoded.body.length).toBeLessThan(400);
  const decoded = await call('/decode', encoded.body);
  expect(JSON.parse(decoded.body)).toEqual(JSON.parse(message));
  const [payload] = (JSON.parse(decoded.body) as Message).payloads;
  expect(JSON.parse(Buffer.from(payload!.data, 'base64').toString())).toBe(VALUE); // one was sent
});

test("the UI's browser may ask with its headers", async () => {
  const origin = `http://localhost:${UI_PORT}`;
  const asked = await call('/decode', '', { method: 'OPTIONS', origin });
  expect(asked.status).toBe(204);
  expect(asked.headers).toMatchObject({
    'access-control-allow-origin': origin,
    'access-control-allow-headers': 'content-type, x-namespace, authorization',
  });
  const answered = await call('/decode', '{"payloads":[]}', { origin, 'x-namespace': 'default' });
  expect(answered).toMatchObject({ status: 200, body: '{"payloads":[]}' });
  expect(answered.headers['access-control-allow-origin']).toBe(origin);
});

test.each([
  ['a page of another site', { origin: 'https://example.org' }],
  ['a page of another local server', { origin: 'http://127.0.0.1:5000' }],
  ['a page without an origin of its own', { origin: 'null' }],
  ['a name that resolves to the loopback', { host: 'example.org' }],
])('%s gets nothing', async (_, headers) => {
  const refused = await call('/decode', '{"payloads":[]}', headers);
  expect(refused.status).toBe(403);
  expect(refused.headers['access-control-allow-origin']).toBeUndefined();
});

test.each([
  ['/decode', 'no JSON', 400],
  ['/decode', '{"payloads":[{"metadata":7,"data":{}}]}', 400],
  ['/other', '{}', 404],
])('%s with the body %s is answered with %i', async (path, body, status) => {
  expect((await call(path, body)).status).toBe(status);
});

test('a value that is lost is named in the answer', async () => {
  const encoding = Buffer.from('json/sentinel-payload').toString('base64');
  const data = Buffer.from(`{"$payload":"${'0'.repeat(64)}","bytes":1}`).toString('base64');
  const answer = await call('/decode', JSON.stringify({ payloads: [{ metadata: { encoding }, data }] })); // prettier-ignore
  expect(answer.status).toBe(500);
  expect(answer.body).toContain('PAYLOAD_MISSING');
});
