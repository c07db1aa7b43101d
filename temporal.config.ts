/**
 * Where Temporal is and how to reach it. Read once by entry points, from the environment and the
 * files Temporal's own CLI reads (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`, TLS).
 */
import { loadClientConnectConfig } from '@temporalio/envconfig';

/** Connection options for a client or worker, and the namespace. */
export function temporalConfig(address?: string) {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  return Object.freeze({
    connection: { ...connectionOptions, ...(address !== undefined && { address }) },
    namespace: namespace ?? 'default',
  });
}
