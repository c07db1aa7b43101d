/** The answer of a query as a stream of rows, or as one file; memory does not grow with its rows. */
import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { quote, quoteName, type ChunkStream, type Session } from './duckdb.js';
import { exactJson, type ExactJson } from './exact-json.js';
import { writeOutput } from './output-file.js';
import { withTables, type QueryRequest } from './query-tables.js';

/** Formats of an answer that are not made for the terminal. */
export const ANSWER_FORMATS = ['csv', 'json', 'parquet'] as const;

/** Name of a format. */
export type AnswerFormat = (typeof ANSWER_FORMATS)[number];

/** Takes a piece of the answer; the next is made when it resolves. */
export type Sink = (piece: string | Uint8Array) => Promise<void>;

/**
 * All rows, for a person's eyes.
 *
 * @throws PipelineError as `queryTables`
 */
export async function answerRows(
  request: QueryRequest,
): Promise<{ readonly names: readonly string[]; readonly rows: readonly ExactJson[][] }> {
  const { answer } = await withTables(request, async (session) => {
    const { names, chunks } = await session.stream(request.sql);
    const rows: ExactJson[][] = [];
    for await (const chunk of chunks)
      for (const row of chunk.getRows()) rows.push(row.map(exactJson));
    return { names, rows };
  });
  return answer;
}

/**
 * The answer as text: JSON is one list of objects, CSV has a header.
 *
 * @returns how many rows there were
 * @throws PipelineError as `queryTables`
 */
export async function streamAnswer(
  request: QueryRequest,
  format: 'csv' | 'json',
  sink: Sink,
): Promise<number> {
  if (format === 'json') {
    const { answer } = await withTables(request, async (session) => {
      let rows = 0;
      for await (const text of jsonText(await session.stream(request.sql), (n) => (rows += n)))
        await sink(text);
      return rows;
    });
    return answer;
  }
  // COPY writes to a name only, and standard output may be a socket, which has none
  const folder = await mkdtemp(path.join(tmpdir(), 'sentinel-query-'));
  const file = path.join(folder, 'answer.csv');
  let rows: number;
  let handle: FileHandle;
  try {
    rows = await copyAnswer(request, format, file);
    handle = await open(file);
  } finally {
    // an open file needs no name; a reader that has seen enough ends the process in the loop below
    await rm(folder, { recursive: true, force: true });
  }
  for await (const piece of handle.createReadStream()) await sink(piece as Uint8Array); // no encoding is set
  return rows;
}

/**
 * The answer as one file.
 *
 * @returns how many rows it holds
 * @throws PipelineError as `queryTables` and `writeOutput`
 */
export function writeAnswer(
  request: QueryRequest,
  format: AnswerFormat,
  file: string,
  options: { readonly force: boolean },
): Promise<number> {
  return writeOutput(file, options, (part) =>
    format === 'json' ? writeJson(request, part) : copyAnswer(request, format, part),
  );
}

async function writeJson(request: QueryRequest, file: string): Promise<number> {
  const handle = await open(file, 'w');
  try {
    return await streamAnswer(request, 'json', (piece) => handle.appendFile(piece));
  } finally {
    await handle.close();
  }
}

/** @param count is told the rows of each piece */
async function* jsonText(
  { names, chunks }: ChunkStream,
  count: (rows: number) => void,
): AsyncGenerator<string> {
  let separator = '[\n';
  for await (const chunk of chunks) {
    const lines = chunk
      .getRows()
      .map((row) =>
        JSON.stringify(
          Object.fromEntries(row.map((value, column) => [names[column] ?? '', exactJson(value)])),
        ),
      );
    count(lines.length);
    yield separator + lines.join(',\n');
    separator = ',\n';
  }
  yield separator === '[\n' ? '[]\n' : '\n]\n';
}

async function copyAnswer(
  request: QueryRequest,
  format: 'csv' | 'parquet',
  file: string,
): Promise<number> {
  // a comment at the end of the statement must not swallow the parenthesis
  const select = `(\n${request.sql.trim().replace(/;$/, '')}\n)`;
  const { answer } = await withTables(request, async (session) => {
    const rows =
      format === 'csv' ? select : `(SELECT ${await exactColumns(session, select)} FROM ${select})`;
    const options = format === 'csv' ? 'csv, HEADER' : 'parquet, COMPRESSION zstd';
    const [copied] = await session.rows<{ Count: number }>(
      `COPY ${rows} TO ${quote(file)} (FORMAT ${options})`,
    );
    return copied?.Count ?? 0;
  });
  return answer;
}

/** Columns of a SELECT as Parquet holds them: DuckDB would write its 128-bit integers, which sums are, as doubles. */
async function exactColumns(session: Session, select: string): Promise<string> {
  const columns = await session.rows<{ column_name: string; column_type: string }>(
    `DESCRIBE SELECT * FROM ${select}`,
  );
  return columns
    .map(({ column_name, column_type }) => {
      const name = quoteName(column_name);
      return /^U?HUGEINT$/.test(column_type) ? `CAST(${name} AS DECIMAL(38, 0)) AS ${name}` : name;
    })
    .join(', ');
}
