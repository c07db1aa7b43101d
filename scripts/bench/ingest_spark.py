"""The parse in Spark on one machine, `local[2]`."""
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from peer import COLUMNS, HISTOGRAMS, PPI_LENGTH, PPI_LISTS, answer, unpack

TYPES = dict(long='bigint', int='int', short='smallint', double='double', time='timestamp', text='string')

spark = (
    SparkSession.builder.master('local[2]')
    .config('spark.driver.memory', '4g')
    .config('spark.sql.session.timeZone', 'UTC')
    .config('spark.sql.shuffle.partitions', '8')
    .config('spark.ui.enabled', 'false')
    .getOrCreate()
)
spark.sparkContext.setLogLevel('ERROR')


def parse(file, out):
    # a .gz is one split, as Spark reads it
    csv = unpack(file, out, {'.xz': 'xz'})
    schema = ', '.join(f'{name} {TYPES[kind]}' for name, kind in COLUMNS.items())
    flows = spark.read.schema(schema).csv(csv, header=True, escape='"')
    zeros = F.array_repeat(F.lit(0), PPI_LENGTH)
    ppi = F.from_json('PPI', 'array<array<int>>')
    (
        flows.withColumn('iso_year', F.expr('extract(YEAROFWEEK FROM TIME_FIRST)'))
        .withColumn('iso_week', F.weekofyear('TIME_FIRST'))
        .withColumns({name: F.from_json(name, 'array<int>') for name in HISTOGRAMS})
        .withColumn('PPI', ppi)
        .withColumns({
            name: F.slice(F.concat(F.get('PPI', F.lit(place)), zeros), 1, PPI_LENGTH)
            for place, name in enumerate(PPI_LISTS)
        })
        .drop('PPI')
        # one file a partition, as the others write
        .repartition('iso_year', 'iso_week', 'APP')
        .write.partitionBy('iso_year', 'iso_week', 'APP')
        .parquet(out, compression='zstd')
    )


answer(parse)
