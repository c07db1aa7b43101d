import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { listSources } from '../../feature-store/sources/list-sources.js';
import { fetchRemoteSources } from '../../feature-store/sources/remote-sources.js';
import { cutAfter, recordServer, refuse } from './download/record-server.js';
import { aFlow, aHome, flowCsv, ingest } from './store-builders.js';

const PATIENCE = { baseDelayMs: 1, tries: 3 };
const flowsOf = (...apps: string[]): Buffer =>
  Buffer.from(flowCsv(apps.map((APP) => aFlow({ APP }))));

describe('an https address', () => {
  const address = (baseUrl: string): string => `${baseUrl}/exports/flows.csv/content?signature=1`;

  test('is ingested as a local file of the same content is', async () => {
    const home = await aHome();
    const server = await recordServer({ 'flows.csv': flowsOf('one', 'two') });
    server.mishaps.push(cutAfter(300), refuse(503));
    const [file = ''] = await fetchRemoteSources([address(server.baseUrl)], home.root, PATIENCE);
    expect(path.relative(home.root, file)).toMatch(
      /^http\/127\.0\.0\.1%3A\d+\/exports\/flows\.csv\/content$/,
    );
    const results = await ingest(home, file);
    expect(results.map(({ parsed }) => parsed.rowsStored)).toEqual([2]);
    const local = await listSources([await home.file('local.csv', flowsOf('one', 'two'))]);
    expect(results[0]?.parsed.sourceSha).toBe(local.flows[0]?.sha256);
  });

  test('is fetched again only when its entity tag is another, whatever the query', async () => {
    const home = await aHome();
    const server = await recordServer({ 'flows.csv': flowsOf('one') });
    const fetch = (query: string) =>
      fetchRemoteSources([`${server.baseUrl}/flows.csv/content?${query}`], home.root, PATIENCE);
    const first = await fetch('signature=1');
    expect(await fetch('signature=2')).toEqual(first);
    expect(server.sent).toHaveLength(1);
    server.files.set('flows.csv', flowsOf('one', 'two'));
    expect(await fetch('signature=3')).toEqual(first);
    expect((await ingest(home, first[0] ?? ''))[0]?.parsed.rowsStored).toBe(2);
  });

  test('that is not there is an error with the address', async () => {
    const home = await aHome();
    const server = await recordServer({});
    const missing = address(server.baseUrl);
    await expect(fetchRemoteSources([missing], home.root, PATIENCE)).rejects.toMatchObject({
      code: 'DOWNLOAD_REFUSED',
      fault: { file: missing },
    });
  });
});

describe('a Hadoop file system', () => {
  interface HdfsFile {
    readonly content: Buffer;
    readonly modificationTime: number;
  }

  /** A name node that lists, and sends readers on to a data node, as WebHDFS does. */
  async function nameNode(files: Map<string, HdfsFile>) {
    const opened: string[] = [];
    const statusOf = (
      [name, { content, modificationTime }]: [string, HdfsFile],
      folder: string,
    ) => {
      const [first = '', ...deeper] = name.slice(folder.length).replace(/^\//, '').split('/');
      return deeper.length > 0
        ? { pathSuffix: first, type: 'DIRECTORY', length: 0, modificationTime: 0 }
        : { pathSuffix: first, type: 'FILE', length: content.length, modificationTime };
    };
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      const { pathname, searchParams, host } = new URL(
        request.url ?? '',
        `http://${request.headers.host}`,
      );
      const name = decodeURIComponent(pathname).replace(/^\/(webhdfs\/v1|data)/, '');
      if (searchParams.get('user.name') !== 'operator') return void response.writeHead(401).end();
      if (pathname.startsWith('/data/')) {
        opened.push(name);
        return void response.end(files.get(name)?.content);
      }
      if (searchParams.get('op') === 'OPEN') {
        const location = `http://${host}/data${name}?user.name=operator`;
        return void response.writeHead(307, { location }).end();
      }
      const below = [...files].filter(([file]) => file === name || file.startsWith(`${name}/`));
      if (below.length === 0) return void response.writeHead(404).end();
      const statuses = below.map((file) => statusOf(file, name));
      const unique = [...new Map(statuses.map((status) => [status.pathSuffix, status])).values()];
      response.end(JSON.stringify({ FileStatuses: { FileStatus: unique } }));
    };
    const server = createServer(answer);
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo; // of a TCP server
    return { address: `webhdfs://operator@127.0.0.1:${port}`, opened };
  }

  test('is listed to any depth, and only files with another time or length are fetched again', async () => {
    const home = await aHome();
    const files = new Map([
      ['/flows/2022-06-06/a b.csv', { content: flowsOf('one'), modificationTime: 1 }],
      ['/flows/2022-06-07/c.csv', { content: flowsOf('two', 'three'), modificationTime: 1 }],
      ['/other/d.csv', { content: flowsOf('four'), modificationTime: 1 }],
    ]);
    const node = await nameNode(files);
    const fetch = () => fetchRemoteSources([`${node.address}/flows`], home.root, PATIENCE);
    const { flows } = await listSources(await fetch());
    expect(flows.map((file) => path.basename(file.path))).toEqual(['a%20b.csv', 'c.csv']);
    expect(node.opened.toSorted()).toEqual([
      '/flows/2022-06-06/a b.csv',
      '/flows/2022-06-07/c.csv',
    ]);

    node.opened.length = 0;
    files.set('/flows/2022-06-07/c.csv', { content: flowsOf('two'), modificationTime: 2 });
    const paths = await fetch();
    expect(node.opened).toEqual(['/flows/2022-06-07/c.csv']);
    const results = [];
    for (const file of paths) results.push(...(await ingest(home, file)));
    expect(results.map(({ parsed }) => parsed.rowsStored)).toEqual([1, 1]);
  });

  test('gives a file by its own address, and refuses one that is not there', async () => {
    const home = await aHome();
    const file = { content: flowsOf('one'), modificationTime: 1 };
    const node = await nameNode(new Map([['/flows/a.csv', file]]));
    const [fetched = ''] = await fetchRemoteSources(
      [`${node.address}/flows/a.csv`],
      home.root,
      PATIENCE,
    );
    expect(path.basename(fetched)).toBe('a.csv');
    await expect(
      fetchRemoteSources([`${node.address}/none`], home.root, PATIENCE),
    ).rejects.toMatchObject({ code: 'DOWNLOAD_REFUSED' });
  });
});

test('local paths stay as they are, and an unknown kind of address is refused', async () => {
  expect(await fetchRemoteSources(['/data/flows', 'C:/x'], '/nowhere')).toEqual([
    '/data/flows',
    'C:/x',
  ]);
  await expect(fetchRemoteSources(['ftp://host/flows.csv'], '/nowhere')).rejects.toMatchObject({
    code: 'SOURCE_SCHEME_UNKNOWN',
  });
});
