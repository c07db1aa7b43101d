/**
 * Temporal's remote codec protocol: `POST /decode` and `/encode` with a `Payloads` message as JSON. The UI
 * and the command line ask it for the values behind references.
 *
 * It listens on the loopback only, and answers programs and the UI: another site's page in a browser on
 * this machine gets nothing, not even under a name that resolves to the loopback.
 */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Payload, PayloadCodec } from '@temporalio/common';

/** What is served, and to whom. */
export interface CodecServerOptions {
  readonly codec: PayloadCodec;
  /** 0 for any. */
  readonly port: number;
  /** Port of the UI whose pages may ask; undefined while it is not known. */
  readonly uiPort: () => number | undefined;
}

/** A codec server that listens. */
export interface CodecServer {
  readonly port: number;
  close(): Promise<void>;
}

interface Reply {
  readonly status: number;
  readonly body?: object;
}

const LOOPBACK = '127.0.0.1';
/** A history has at most 50 MB; base64 makes it a third longer. */
const MAX_BODY_BYTES = 128 * 1024 * 1024;

/** Starts to listen; rejects with the system's error when the port is taken. */
export async function startCodecServer(options: CodecServerOptions): Promise<CodecServer> {
  const server = createServer((request, response) => {
    const origin = request.headers.origin;
    void answer(request, options)
      .catch((error: unknown) =>
        problem(500, error instanceof Error ? error.message : String(error)),
      )
      .then(({ status, body }) => {
        const headers = status === 403 || origin === undefined ? {} : corsHeaders(origin);
        response.writeHead(status, { ...headers, 'content-type': 'application/json' });
        response.end(body === undefined ? undefined : JSON.stringify(body));
      });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, LOOPBACK, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port, // it listens on TCP
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    },
  };
}

async function answer(
  request: IncomingMessage,
  { codec, uiPort }: CodecServerOptions,
): Promise<Reply> {
  const { method, url, headers, socket } = request;
  if (!isLoopback(headers.host, socket.localPort)) return problem(403, `Host ${headers.host}`);
  if (headers.origin !== undefined && !isLoopback(headers.origin.replace('http://', ''), uiPort()))
    return problem(403, `Origin ${headers.origin}`);
  if (method === 'OPTIONS') return { status: 204 };
  if (method !== 'POST' || (url !== '/decode' && url !== '/encode'))
    return problem(404, `${method} ${url}; expected POST /decode or /encode`);
  const body = await bodyOf(request);
  const payloads = body === undefined ? undefined : fromJson(body);
  if (payloads === undefined) return problem(400, 'no Payloads message as JSON');
  const result = await (url === '/decode' ? codec.decode(payloads) : codec.encode(payloads));
  return { status: 200, body: { payloads: result.map(toJson) } };
}

function isLoopback(hostAndPort: string | undefined, port: number | undefined): boolean {
  return hostAndPort === `${LOOPBACK}:${port}` || hostAndPort === `localhost:${port}`;
}

function problem(status: number, message: string): Reply {
  return { status, body: { message } };
}

/** What the UI's browser wants to hear before it hands over the answer. */
function corsHeaders(origin: string): Record<string, string> {
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-methods': 'POST, OPTIONS',
    'access-control-allow-headers': 'content-type, x-namespace, authorization',
    'access-control-allow-credentials': 'true', // the UI has a setting that sends cookies along
    vary: 'origin',
  };
}

/** The body, undefined when it is too long. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** A payload in proto3's JSON form: bytes are base64. */
interface JsonPayload {
  readonly metadata: Readonly<Record<string, string>>;
  readonly data: string;
}

/** The payloads of a message, undefined for what is none. */
function fromJson(text: string): Payload[] | undefined {
  try {
    const message = JSON.parse(text) as { payloads?: Partial<JsonPayload>[] }; // another shape throws below
    return (message.payloads ?? []).map(({ metadata = {}, data = '' }) => ({
      metadata: Object.fromEntries(
        Object.entries(metadata).map(([key, value]) => [key, Buffer.from(value, 'base64')]),
      ),
      data: Buffer.from(data, 'base64'),
    }));
  } catch {
    return undefined; // of another shape: the caller's fault, and said so
  }
}

function toJson({ metadata, data }: Payload): JsonPayload {
  const base64 = (bytes: Uint8Array | null | undefined): string =>
    Buffer.from(bytes ?? []).toString('base64');
  return {
    metadata: Object.fromEntries(
      Object.entries(metadata ?? {}).map(([key, value]) => [key, base64(value)]),
    ),
    data: base64(data),
  };
}
