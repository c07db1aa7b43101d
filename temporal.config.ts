/**
 * Where Temporal is and how to reach it. Read once by entry points, from the environment and the
 * files Temporal's own CLI reads (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`, TLS).
 */
import { loadClientConnectConfig } from '@temporalio/envconfig';

/**
 * A page of a history is as large as its events. gRPC takes 4 MB unless told otherwise, a server keeps
 * 50 MB; the SDK means to raise it but misses the name of the setting.
 */
const LARGEST_MESSAGE_BYTES = 128 * 1024 * 1024;

/** Connection options for a client or worker, and the namespace. */
export function temporalConfig(address?: string) {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  return Object.freeze({
    connection: {
      ...connectionOptions,
      ...(address !== undefined && { address }),
      channelArgs: { 'grpc.max_receive_message_length': LARGEST_MESSAGE_BYTES },
    },
    namespace: namespace ?? 'default',
  });
}
