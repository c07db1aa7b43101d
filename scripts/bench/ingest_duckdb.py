"""The parse in plain DuckDB SQL: one COPY from read_csv."""
import duckdb

from peer import COLUMNS, HISTOGRAMS, PPI_LENGTH, PPI_LISTS, answer, unpack

TYPES = dict(long='BIGINT', int='INTEGER', short='SMALLINT', double='DOUBLE', time='TIMESTAMP', text='VARCHAR')

connection = duckdb.connect(config={'threads': 2})
# at the default of 100 a partition is closed and opened again
connection.execute('SET partitioned_write_max_open_files = 2000')


def parse(file, out):
    columns = ', '.join(f"'{name}': '{TYPES[kind]}'" for name, kind in COLUMNS.items())
    plain = [name for name in COLUMNS if name not in ['PPI', *HISTOGRAMS]]
    histograms = [f"from_json({name}, '[\"INTEGER\"]') AS {name}" for name in HISTOGRAMS]
    lists = [f'list_resize(ppi[{place}], {PPI_LENGTH}, 0) AS {name}' for place, name in enumerate(PPI_LISTS, start=1)]
    connection.execute(f"""
        COPY (
            SELECT isoyear(TIME_FIRST) AS iso_year, week(TIME_FIRST) AS iso_week,
                {', '.join([*plain, *histograms, *lists])}
            FROM (SELECT * EXCLUDE (PPI), from_json(PPI, '[["INTEGER"]]') AS ppi
                FROM read_csv('{unpack(file, out, {'.xz': 'xz'})}', header = true, auto_detect = false,
                    delim = ',', quote = '"', escape = '"', columns = {{{columns}}}))
        ) TO '{out}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (iso_year, iso_week, APP))""")


answer(parse)
