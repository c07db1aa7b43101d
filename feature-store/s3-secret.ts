/** The bucket's keys as DuckDB wants them: the same endpoint, region and keys as the S3 client has found. */
import { rejected } from './delta/s3-request.js';
import { s3Client } from './delta/s3-client.js';

/** Keys of a DuckDB secret of type `s3`. */
export interface S3Secret {
  /** Options of `CREATE SECRET`, by name. */
  readonly options: Readonly<Record<string, string>>;
  /** When the keys end, ms since 1970; Infinity for keys that do not. */
  readonly heldUntilMs: number;
}

/** @throws PipelineError S3_REJECTED when no keys or no region are set */
export async function s3Secret(): Promise<S3Secret> {
  try {
    const { config } = await s3Client();
    const keys = await config.credentials();
    const endpoint = await config.endpoint?.();
    const port = endpoint?.port === undefined ? '' : `:${endpoint.port}`;
    return {
      options: {
        KEY_ID: keys.accessKeyId,
        SECRET: keys.secretAccessKey,
        REGION: await config.region(),
        ...(keys.sessionToken !== undefined && { SESSION_TOKEN: keys.sessionToken }),
        ...(endpoint !== undefined && {
          ENDPOINT: `${endpoint.hostname}${port}${endpoint.path.replace(/\/$/, '')}`,
          USE_SSL: String(endpoint.protocol === 'https:'),
          URL_STYLE: 'path',
        }),
      },
      heldUntilMs: keys.expiration?.getTime() ?? Infinity,
    };
  } catch (error) {
    throw rejected('s3://', error);
  }
}
