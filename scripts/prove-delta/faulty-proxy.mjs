/**
 * A small HTTP proxy before an S3 server that does to requests what networks do.
 *
 * - `refused`: 500 or 503, the request never reaches the server;
 * - `lost`: the server does it, the answer is cut off before its first byte, so the client asks again;
 * - `cut`: the line breaks within the request's body, or, where it has none, within the answer's.
 */
import { createServer, request as httpRequest } from 'node:http';
import { once } from 'node:events';

/**
 * @param {object} options
 * @param {string} options.target  `http://127.0.0.1:PORT`
 * @param {(request: { method: string, url: string }) => 'refused' | 'lost' | 'cut' | undefined} options.fault
 * @returns {Promise<{ url: string, faults: Record<string, number>, requests: () => number, close: () => Promise<void> }>}
 */
export async function startProxy({ target, fault }) {
  const { hostname, port } = new URL(target);
  const faults = { refused: 0, lost: 0, cut: 0 };
  let requests = 0;
  const server = createServer((request, response) => {
    const { method, url, headers } = request;
    requests += 1;
    const kind = fault({ method, url });
    if (kind !== undefined) faults[kind] += 1;
    if (kind === 'refused') {
      request.resume();
      response.writeHead(requests % 2 === 0 ? 500 : 503, { connection: 'close' }).end();
      return;
    }
    const hangUp = () => request.socket.destroy();
    // the signature covers the Host header, so it goes on as it came
    const forward = httpRequest({ hostname, port, method, path: url, headers }, (answer) => {
      if (kind === 'lost') {
        answer.resume().once('end', hangUp);
        return;
      }
      response.writeHead(answer.statusCode, answer.rawHeaders);
      if (kind === 'cut') {
        response.flushHeaders();
        answer.once('data', (bytes) => response.write(bytes.subarray(0, bytes.length / 2), hangUp));
        answer.once('end', hangUp);
      } else answer.pipe(response);
    });
    forward.on('error', hangUp);
    request.on('error', () => forward.destroy());
    if (kind === 'cut' && method === 'PUT')
      request.once('data', (bytes) => {
        forward.write(bytes.subarray(0, bytes.length / 2), () => {
          forward.destroy();
          hangUp();
        });
      });
    else request.pipe(forward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    faults,
    requests: () => requests,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
