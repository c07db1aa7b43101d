/** What producers of assets and the triggers of their consumers say to each other. */

/** Signal to `asset-trigger/<dag>`; its argument is an `AssetUpdate` of dag/assets.ts. */
export const ASSET_UPDATED = 'asset_updated';

/** Handed to the activity that tells of updated assets. */
export interface AssetPublication {
  /** Names of the assets. */
  readonly assets: readonly string[];
  /** Partition of the run that has updated them, empty for none. */
  readonly partition: string;
  readonly dagRunId: string;
  readonly temporalRunId: string;
  readonly task: string;
}
