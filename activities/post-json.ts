/** One POST of JSON to a receiver outside. */

/** A receiver that accepts a connection and never answers ends here. */
const TIMEOUT_MS = 30_000;

/**
 * Posts it; `id` tells the receiver a repeated one.
 *
 * @throws Error that names the address and what came of it, unless the answer is 200 to 299
 */
export async function postJson(
  url: string,
  body: string,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': id },
    body,
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  }).catch((cause: unknown) => {
    throw new Error(`POST ${url}: ${String(cause)}`, { cause });
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`POST ${url}: ${response.status}`);
}
