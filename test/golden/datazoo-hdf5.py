"""Writes test/data/datazoo/sample.h5 and datazoo-hdf5.json: generated flows as an HDF5 file of DataZoo, and what
DataZoo itself reads from it; and bzip2.h5, a flow behind a filter that HDF5 does not bring along.

    sentinel generate --out DIR --weeks 2022-W26 --flows-per-week 700 --apps 12 --seed 5 --compression none
    python datazoo-hdf5.py DIR

Needs cesnet-datazoo 0.2.0. The file has a table for each day, /flows/D20220627 and so on. DataZoo's code names the
columns, says which are enumerations (APP, CATEGORY), arrays (PPI, PHIST_*) and truth values (FLAG_*, FLOW_ENDREASON_*);
the widths of the numbers and the filter (zlib) are ours.
"""

import csv
import datetime
import json
import pathlib
import sys
from importlib.metadata import version

import numpy as np
import tables as tb
from cesnet_datazoo.datasets.metadata.dataset_metadata import load_metadata
from cesnet_datazoo.pytables_data.pytables_dataset import PyTablesDataset, list_all_tables

HERE = pathlib.Path(__file__).parent
OUT = HERE.parent / "data" / "datazoo" / "sample.h5"
FILTERED = OUT.with_name("bzip2.h5")
ROWS_SHOWN = 12

METADATA = load_metadata("CESNET-TLS-Year22")
STATISTICS = METADATA.flowstats_features
TRUTHS = [*METADATA.flowstats_features_boolean, *METADATA.tcp_features]
HISTOGRAMS = METADATA.packet_histograms

TEXTS = {"SRC_IP": 39, "DST_IP": 39, "TLS_SNI": 64, "TLS_JA3": 32}
TIMES = ["TIME_FIRST", "TIME_LAST"]
SECONDS = ["DURATION", "PPI_DURATION"]
NUMBERS = {
    "ID": tb.UInt64Col,
    "DST_ASN": tb.UInt32Col,
    "DST_PORT": tb.UInt16Col,
    "PROTOCOL": tb.UInt8Col,
    "BYTES": tb.UInt64Col,
    "BYTES_REV": tb.UInt64Col,
    "PACKETS": tb.UInt32Col,
    "PACKETS_REV": tb.UInt32Col,
    "PPI_LEN": tb.UInt8Col,
    "PPI_ROUNDTRIPS": tb.UInt8Col,
}


def main() -> None:
    days = {}
    for file in sorted(pathlib.Path(sys.argv[1]).glob("WEEK-*/*/flows-*.csv")):
        with file.open(newline="") as text:
            days[file.stem.removeprefix("flows-")] = list(csv.DictReader(text))
    rows = [row for day in days.values() for row in day]
    enums = {
        name: tb.Enum({value: k for k, value in enumerate(sorted({row[name] for row in rows}))})
        for name in ["APP", "CATEGORY"]
    }
    columns = describe(rows[0], enums)
    OUT.parent.mkdir(exist_ok=True)
    with tb.open_file(str(OUT), "w", filters=tb.Filters(complevel=9, complib="zlib")) as database:
        for day, flows in days.items():
            table = database.create_table("/flows", f"D{day}", columns, createparents=True, chunkshape=64)
            for flow in flows:
                for name, value in flow.items():
                    table.row[name] = parse(name, value, enums)
                table.row.append()
            table.flush()
    with tb.open_file(str(OUT)) as database:
        with tb.open_file(str(FILTERED), "w") as filtered:
            first = database.list_nodes("/flows")[0]
            bzip2 = tb.Filters(complevel=9, complib="bzip2")
            first.copy(filtered.create_group("/", "flows"), filters=bzip2, stop=1)
    write_golden(enums["APP"])


def describe(row: dict[str, str], enums: dict[str, tb.Enum]) -> dict[str, tb.Col]:
    def column(name: str, pos: int) -> tb.Col:
        if name in enums:
            return tb.EnumCol(enums[name], next(iter(enums[name]))[0], base="uint8", pos=pos)
        if name in TEXTS:
            return tb.StringCol(TEXTS[name], pos=pos)
        if name in TIMES:
            return tb.Time64Col(pos=pos)
        if name in SECONDS:
            return tb.Float32Col(pos=pos)
        if name == "PPI":
            return tb.Int32Col(shape=(4, 30), pos=pos)
        if name in HISTOGRAMS:
            return tb.UInt32Col(shape=(8,), pos=pos)
        if name in TRUTHS:
            return tb.BoolCol(pos=pos)
        return NUMBERS[name](pos=pos)

    return {name: column(name, pos) for pos, name in enumerate(row)}


def parse(name: str, value: str, enums: dict[str, tb.Enum]):
    if name in enums:
        return enums[name][value]
    if name in TEXTS:
        return value.encode()
    if name in TIMES:
        return datetime.datetime.fromisoformat(value).replace(tzinfo=datetime.timezone.utc).timestamp()
    if name == "PPI":
        lists = json.loads(value)
        return np.array([channel + [0] * (30 - len(channel)) for channel in lists])
    if name in HISTOGRAMS:
        return json.loads(value)
    return float(value) if name in SECONDS else int(value)


def write_golden(apps: tb.Enum) -> None:
    """PPI, statistics and application of the first flows of each day, as DataZoo's DataFrames have them."""
    numbers = {value: name for name, value in apps}
    read = {}
    for path in list_all_tables(str(OUT)):
        dataset = PyTablesDataset(
            database_path=str(OUT), tables_paths=[path], indices=None, tables_app_enum=numbers, tables_cat_enum={},
            flowstats_features=STATISTICS, flowstats_features_boolean=METADATA.flowstats_features_boolean,
            flowstats_features_phist=[], other_fields=[], ppi_channels=[0, 1, 2],
        )  # fmt: skip
        dataset.pytables_worker_init()
        _, ppi, flowstats, labels = dataset[slice(0, ROWS_SHOWN)]
        read[path.removeprefix("/flows/D")] = {
            "rows": len(dataset),
            "app": labels.tolist(),
            "ppi": ppi.astype(int).tolist(),
            "statistics": flowstats.tolist(),
        }
    golden = {
        "source": "cesnet_datazoo.pytables_data.pytables_dataset.PyTablesDataset",
        "version": f"cesnet-datazoo {version('cesnet-datazoo')}, tables {version('tables')}, numpy {np.__version__}",
        "tolerance": 0,
        "statistics": [*STATISTICS, *METADATA.flowstats_features_boolean],
        "days": read,
    }
    HERE.joinpath("datazoo-hdf5.json").write_text(json.dumps(golden) + "\n")


main()
