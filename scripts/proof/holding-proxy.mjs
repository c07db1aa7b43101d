import { createServer, request } from 'node:http';
import { once } from 'node:events';

/**
 * An HTTP proxy that can hold one request: before it is passed on, or after it was answered and before the answer
 * goes back.
 *
 * @param {number} port where requests go
 */
export async function startHoldingProxy(port) {
  let hold = null;
  const server = createServer((incoming, answer) => {
    const pass = async () => {
      const body = await readAll(incoming);
      const held = hold?.matches(incoming) ? hold : null;
      if (held?.when === 'before') await reach(held);
      const { status, headers, bytes } = await forward(port, incoming, body);
      if (held?.when === 'after') await reach(held);
      answer.writeHead(status, headers).end(bytes);
    };
    pass().catch(() => answer.destroy()); // whoever was to answer is gone
  }).listen(0, '127.0.0.1');
  const reach = (held) => {
    if (hold === held) hold = null;
    return held.reached();
  };
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** Holds the next request that matches; `atRequest` resolves when it is there, `release` lets it go on. */
    holdNext(when, matches) {
      let release;
      const released = new Promise((resolve) => (release = resolve));
      const atRequest = new Promise((resolve) => {
        hold = { when, matches, reached: () => (resolve(), released) };
      });
      return { atRequest, release };
    },
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function readAll(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function forward(port, { method, url, headers }, body) {
  const call = request({ host: '127.0.0.1', port, method, path: url, headers }).end(body);
  const [response] = await once(call, 'response');
  const bytes = await readAll(response);
  const headersBack = { ...response.headers, 'content-length': String(bytes.length) };
  delete headersBack['transfer-encoding'];
  return {
    status: response.statusCode,
    headers: headersBack,
    bytes,
  };
}
