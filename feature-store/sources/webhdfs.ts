/**
 * Files of a Hadoop file system, by its HTTP gateway.
 *
 * API: `LISTSTATUS` and `OPEN` of the WebHDFS REST API
 * (https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-hdfs/WebHDFS.html); HttpFS has the same.
 */
import { z } from 'zod';
import { getJson } from '../download/get-json.js';
import type { HttpOptions } from '../download/http-get.js';
import type { RemoteFile } from './remote-sources.js';

/**
 * All files at `webhdfs://[user@]host:port/path`, folders to any depth; `swebhdfs://` goes over TLS.
 *
 * @throws PipelineError DOWNLOAD_REFUSED when the path does not exist or may not be read, DOWNLOAD_HTTP
 */
export async function listWebHdfs(address: URL, options: HttpOptions): Promise<RemoteFile[]> {
  const files: RemoteFile[] = [];
  const folders = [decodeURIComponent(address.pathname)];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const url = operation(address, folder, 'LISTSTATUS');
    const { FileStatuses } = await getJson(url, fileStatuses, NO_STATUSES, options);
    for (const status of FileStatuses.FileStatus) {
      // a file that is listed by itself has no suffix
      const path =
        status.pathSuffix === '' ? folder : `${folder.replace(/\/$/, '')}/${status.pathSuffix}`;
      if (status.type === 'DIRECTORY') folders.push(path);
      else if (status.type === 'FILE')
        files.push({
          url: operation(address, path, 'OPEN'),
          path,
          identity: `${status.modificationTime}/${status.length}`,
          bytes: status.length,
        });
    }
  }
  return files;
}

function operation(address: URL, path: string, op: 'LISTSTATUS' | 'OPEN'): string {
  const scheme = address.protocol === 'swebhdfs:' ? 'https' : 'http';
  const escaped = path.split('/').map(encodeURIComponent).join('/');
  const url = new URL(`${scheme}://${address.host}/webhdfs/v1${escaped}`);
  url.searchParams.set('op', op);
  if (address.username !== '')
    url.searchParams.set('user.name', decodeURIComponent(address.username));
  return url.href;
}

const fileStatuses = z.object({
  FileStatuses: z.object({
    FileStatus: z.array(
      z.object({
        pathSuffix: z.string(),
        type: z.enum(['FILE', 'DIRECTORY', 'SYMLINK']),
        length: z.int().nonnegative(),
        modificationTime: z.int(),
      }),
    ),
  }),
});

const NO_STATUSES = {
  code: 'DOWNLOAD_REFUSED',
  expected: 'the FileStatuses of WebHDFS',
  fix: 'give the HTTP address of the name node or of HttpFS, such as webhdfs://namenode:9870/flows',
} as const;
