/** What a feature counts in a severity where the model's importances are not known. */

/** PPI positions that count: the handshake and the first exchange. */
const EARLY_POSITIONS = 8;

/**
 * 1, but 0 for packets after the eighth. Those are padding in most flows and follow the number of requests, so they
 * move when one popular app changes and dilute what happens in every flow.
 */
export function defaultFeatureWeight(name: string): number {
  const position = /^(?:SIZE|DIR|IPT)_(\d+)$/.exec(name)?.[1];
  return position !== undefined && Number(position) > EARLY_POSITIONS ? 0 : 1;
}
