"""The parse in polars: a lazy scan into a partitioned sink, on the streaming engine."""
import os

os.environ['POLARS_MAX_THREADS'] = '2'
import polars as pl  # noqa: E402 (reads the number of threads when it is imported)

from peer import COLUMNS, HISTOGRAMS, PPI_LENGTH, PPI_LISTS, answer, unpack  # noqa: E402

ZEROS = pl.lit(pl.Series([[0] * PPI_LENGTH], dtype=pl.List(pl.Int32)))
TYPES = dict(long=pl.Int64, int=pl.Int32, short=pl.Int16, double=pl.Float64, time=pl.String, text=pl.String)


def parse(file, out):
    times = [name for name, kind in COLUMNS.items() if kind == 'time']
    first = pl.col('TIME_FIRST')
    (
        pl.scan_csv(unpack(file, out, {'.xz': 'xz'}), schema={name: TYPES[kind] for name, kind in COLUMNS.items()})
        .with_columns(
            # fractions of any length, also none
            *[pl.col(name).str.to_datetime('%Y-%m-%dT%H:%M:%S%.f', time_unit='us') for name in times],
            *[pl.col(name).str.json_decode(pl.List(pl.Int32)) for name in HISTOGRAMS],
            pl.col('PPI').str.json_decode(pl.List(pl.List(pl.Int32))),
        )
        .with_columns(
            first.dt.iso_year().alias('iso_year'),
            first.dt.week().alias('iso_week'),
            *[
                pl.col('PPI').list.get(place, null_on_oob=True).list.concat(ZEROS).list.head(PPI_LENGTH).alias(name)
                for place, name in enumerate(PPI_LISTS)
            ],
        )
        .drop('PPI')
        .sink_parquet(
            pl.PartitionBy(out, key=['iso_year', 'iso_week', 'APP']),
            compression='zstd',
            mkdir=True,
            engine='streaming',
        )
    )


answer(parse)
