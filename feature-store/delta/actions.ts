/**
 * The actions of a Delta log that we read and write: one JSON object a line, one line an action.
 *
 * @see https://github.com/delta-io/delta/blob/master/PROTOCOL.md#actions
 */

/** Raw partition values by column; null is SQL's null. */
export type PartitionValues = Readonly<Record<string, string | null>>;

/** Per-file statistics as Delta's readers expect them (`add.stats`, itself JSON text). */
export interface FileStats {
  readonly numRecords: number;
  readonly minValues: Readonly<Record<string, string | number>>;
  readonly maxValues: Readonly<Record<string, string | number>>;
  readonly nullCount: Readonly<Record<string, number>>;
}

/** A file that a version adds. */
export interface AddAction {
  /** URI-encoded path below the table's folder. */
  readonly path: string;
  readonly partitionValues: PartitionValues;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modificationTime: number;
  readonly dataChange: boolean;
  readonly stats?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Version of the commit that added it; only in checkpoints, where the log entry no longer says it. */
  readonly defaultRowCommitVersion?: number;
}

/** A file that a version no longer has. Kept as a tombstone until no reader of an older version can be left. */
export interface RemoveAction {
  readonly path: string;
  readonly deletionTimestamp: number;
  readonly dataChange: boolean;
  readonly extendedFileMetadata: true;
  readonly partitionValues: PartitionValues;
  readonly size: number;
}

/** An application's own version, so that a repeated commit is known. */
export interface TxnAction {
  readonly appId: string;
  readonly version: number;
  readonly lastUpdated?: number;
}

/** Schema and partition columns of the table. */
export interface MetaDataAction {
  readonly id: string;
  readonly name?: string;
  readonly format: { readonly provider: 'parquet'; readonly options: Record<string, string> };
  readonly schemaString: string;
  readonly partitionColumns: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
  readonly createdTime?: number;
}

interface ProtocolAction {
  readonly minReaderVersion: number;
  readonly minWriterVersion: number;
}

/** What the writer says of its commit. */
export interface CommitInfoAction {
  readonly timestamp: number;
  readonly operation: string;
  readonly operationParameters: Readonly<Record<string, string>>;
  readonly engineInfo: string;
  /** Unique to one attempt: tells a commit that succeeded unseen from one that lost. */
  readonly txnId: string;
}

/** One line of a log file: exactly one of the members is there. */
export interface LogLine {
  readonly commitInfo?: CommitInfoAction;
  readonly protocol?: ProtocolAction;
  readonly metaData?: MetaDataAction;
  readonly txn?: TxnAction;
  readonly add?: AddAction;
  readonly remove?: RemoveAction;
}
