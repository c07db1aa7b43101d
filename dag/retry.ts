/** When the next try of a task comes, where an error's code or chance decides. */
import type { RetryRule } from '../contracts/engine.js';

/** Tries in all for errors of a code. */
export function triesFor(rule: RetryRule, code: string): number {
  return rule.attemptsByCode[code] ?? rule.maximumAttempts;
}

/**
 * Wait after a failed try, in ms.
 *
 * @param attempt the try that failed, from 1
 * @param uniform a random number in [0, 1)
 */
export function retryDelayMs(rule: RetryRule, attempt: number, uniform: number): number {
  const wait = rule.initialIntervalMs * rule.backoffCoefficient ** (attempt - 1);
  const factor = 1 + rule.jitter * (2 * uniform - 1);
  return Math.round(Math.min(wait, rule.maximumIntervalMs) * factor);
}
