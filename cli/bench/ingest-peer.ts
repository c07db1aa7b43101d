/** The peers of the ingest bench: a Python process that parses one file per request. */
import { startPythonPeer, type PythonPeer } from './python-peer.js';

/** The peers there is a script for, `scripts/bench/ingest_<name>.py`. */
export const INGEST_PEERS = ['polars', 'duckdb', 'spark'] as const;

/** Name of a peer. */
export type IngestPeerName = (typeof INGEST_PEERS)[number];

/** Starts a peer; it is asked with the file, and a folder that is not there yet for the Parquet files. */
export function startIngestPeer(name: IngestPeerName, python: string): PythonPeer {
  return startPythonPeer(`ingest_${name}.py`, python, '; Spark needs Java 17');
}
