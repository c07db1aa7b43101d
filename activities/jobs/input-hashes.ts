/** What a model reads of each flow, hashed: duplicates are told by it. */
import { createHash } from 'node:crypto';
import { PPI_WIDTH, type FlowSet } from '../../models/model.js';

/**
 * One text for each flow, the same for equal inputs.
 *
 * @param packets whether the model reads the packets too
 * @returns [N]
 */
export function inputHashes(
  { n, tabular, featureNames, ppi }: FlowSet,
  packets: boolean,
): string[] {
  const F = featureNames.length;
  return Array.from({ length: n }, (_, row) => {
    const hash = createHash('sha1').update(tabular.subarray(row * F, (row + 1) * F));
    if (packets) hash.update(ppi.subarray(row * PPI_WIDTH, (row + 1) * PPI_WIDTH));
    return hash.digest('base64');
  });
}
