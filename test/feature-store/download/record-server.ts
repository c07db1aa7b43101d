/** A local server that behaves like the records API, and misbehaves as a test asks it to. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface RecordServer {
  readonly baseUrl: string;
  /** Contents by file name; a test may change one between two requests. */
  readonly files: Map<string, Buffer>;
  /** Bytes of each answered request for a file that were handed to the socket. */
  readonly sent: { readonly file: string; readonly from: number; bytes: number }[];
  /** What happens to the next requests for files, one each; then all is well. */
  readonly mishaps: Mishap[];
}

/** `(request, response)` of a request for a file; true when it has dealt with it. */
export type Mishap = (response: ServerResponse, content: Buffer, from: number) => boolean;

interface ServerOptions {
  /** @default true */
  readonly ranges?: boolean;
  /** @default true */
  readonly etags?: boolean;
  /** MD5 of the record, by file name. @default the true one */
  readonly md5?: Readonly<Record<string, string>>;
  /** Each download is sent on by a redirect first. @default false */
  readonly redirect?: boolean;
  /** Bytes a second and connection. @default as fast as it goes */
  readonly bytesPerSecond?: number;
}

export async function recordServer(
  files: Readonly<Record<string, Buffer>>,
  options: ServerOptions = {},
): Promise<RecordServer> {
  const { ranges = true, etags = true, redirect = false } = options;
  const state = { files: new Map(Object.entries(files)), sent: [], mishaps: [] } as Omit<
    RecordServer,
    'baseUrl'
  >; // the empty lists have no other type yet
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://127.0.0.1');
    if (/^\/api\/records\/\d+$/.test(pathname)) return sendRecord(response);
    const file = decodeURIComponent(pathname.split('/').at(-2) ?? '');
    const content = state.files.get(file);
    if (content === undefined) return response.writeHead(404).end();
    if (redirect && !pathname.startsWith('/bucket/'))
      return response.writeHead(302, { location: `/bucket/${file}/content` }).end();
    return sendFile(request, response, file, content);
  });
  const sendRecord = (response: ServerResponse): void => {
    const list = [...state.files].map(([key, content]) => ({
      key,
      size: content.length,
      checksum: `md5:${options.md5?.[key] ?? md5(content)}`,
      links: { self: `${baseUrl}/api/records/1/files/${encodeURIComponent(key)}/content` },
    }));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ id: 1, files: list }));
  };
  const sendFile = (
    request: IncomingMessage,
    response: ServerResponse,
    file: string,
    content: Buffer,
  ): void => {
    const etag = `"${md5(content)}"`;
    const asked = ranges ? /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') : null;
    const sameFile = [undefined, etag].includes(request.headers['if-range'] as string | undefined); // one header
    const partial = asked !== null && sameFile;
    const from = partial ? Number(asked[1]) : 0;
    const to =
      partial && asked[2] ? Math.min(Number(asked[2]) + 1, content.length) : content.length;
    if (etags) response.setHeader('etag', etag);
    if (etags && request.headers['if-none-match'] === etag)
      return void response.writeHead(304).end();
    if (partial && from >= content.length) return void response.writeHead(416).end();
    const mishap = state.mishaps.shift();
    if (mishap?.(response, content, from) === true) return;
    const entry = { file, from, bytes: 0 };
    state.sent.push(entry);
    response.writeHead(partial ? 206 : 200, {
      'content-length': to - from,
      ...(partial && { 'content-range': `bytes ${from}-${to - 1}/${content.length}` }),
    });
    void sendSlowly(response, content.subarray(from, to), (bytes) => (entry.bytes += bytes));
  };
  const sendSlowly = async (
    response: ServerResponse,
    body: Buffer,
    count: (bytes: number) => void,
  ): Promise<void> => {
    const piece = Math.ceil((options.bytesPerSecond ?? 1e12) / 50);
    for (let at = 0; at < body.length && !response.destroyed; at += piece) {
      response.write(body.subarray(at, at + piece));
      count(Math.min(piece, body.length - at));
      if (options.bytesPerSecond !== undefined) await new Promise((done) => setTimeout(done, 20));
    }
    response.end();
  };
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // of a TCP server
  return { ...state, baseUrl };
}

/** Sends some bytes of the body that was announced, and cuts the connection. */
export function cutAfter(bytes: number): Mishap {
  return (response, content, from) => {
    response.writeHead(from === 0 ? 200 : 206, {
      'content-length': content.length - from,
      ...(from > 0 && { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` }),
    });
    response.write(content.subarray(from, from + bytes), () => {
      setTimeout(() => response.destroy(), 20); // what was written shall have left the socket
    });
    return true;
  };
}

/** Answers with a status and nothing else. */
export function refuse(status: number, headers: Readonly<Record<string, string>> = {}): Mishap {
  return (response) => {
    response.writeHead(status, headers).end();
    return true;
  };
}

/** Answers with other bytes than the file's. */
export function sendInstead(body: Buffer): Mishap {
  return (response) => {
    response.writeHead(200, { 'content-length': body.length });
    response.end(body);
    return true;
  };
}

export function md5(content: Buffer): string {
  return createHash('md5').update(content).digest('hex');
}
