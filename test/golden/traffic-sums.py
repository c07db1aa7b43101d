"""Traffic per hour and per day of real flows, summed by pandas: what the tables `traffic_hourly` and `traffic_daily` hold."""
import json, pathlib, pandas

here = pathlib.Path(__file__)
source = here.parents[1] / 'data' / 'flows' / 'ndpi-tls.csv.xz'
flows = pandas.read_csv(source)
flows['TIME_FIRST'] = pandas.to_datetime(flows['TIME_FIRST'], format='ISO8601')
measures = ['BYTES', 'BYTES_REV', 'PACKETS', 'PACKETS_REV']


def sums(unit):
    start = flows['TIME_FIRST'].dt.floor(unit)
    grouped = flows.assign(START=start, FLOWS=1).groupby(['START', 'APP', 'CATEGORY', 'DST_ASN'])
    table = grouped[['FLOWS', *measures]].sum().reset_index()
    return [[row.START.isoformat() + 'Z', row.APP, row.CATEGORY, int(row.DST_ASN), int(row.FLOWS),
             *(int(getattr(row, name)) for name in measures)] for row in table.itertuples()]


here.with_suffix('.json').write_text(json.dumps({
    'source': f'pandas.DataFrame.groupby over {source.name}', 'version': pandas.__version__, 'tolerance': 0,
    'columns': ['start', 'app', 'category', 'dst_asn', 'flows', *(name.lower() for name in measures)],
    'hourly': sums('h'), 'daily': sums('D'),
}) + '\n')
