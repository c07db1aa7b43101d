"""What the peers of `sentinel bench ingest` share: the columns, unpacking, and the way they are asked.

A request is a line on stdin, {"file": …, "out": …}; the answer is a line on stdout, {"seconds": …}.
A peer starts once and stays, so neither imports nor the start of a session are in the seconds.
"""
import json
import subprocess
import sys
import time

FLAGS = [f'FLAG_{f}{r}' for f in 'CWR ECE URG ACK PSH RST SYN FIN'.split() for r in ('', '_REV')]
REASONS = [f'FLOW_ENDREASON_{r}' for r in 'IDLE ACTIVE END OTHER'.split()]
HISTOGRAMS = [f'PHIST_{h}' for h in 'SRC_SIZES DST_SIZES SRC_IPT DST_IPT'.split()]
PPI_LISTS = ['ppi_ipt_ms', 'ppi_direction', 'ppi_size_bytes', 'ppi_push']
# every list is padded with zeros to this length
PPI_LENGTH = 30

# name -> kind, in the order of the file
COLUMNS = (
    dict(ID='long', SRC_IP='text', DST_IP='text', DST_ASN='long', DST_PORT='int', PROTOCOL='short',
         TLS_SNI='text', TLS_JA3='text', TIME_FIRST='time', TIME_LAST='time', DURATION='double',
         BYTES='long', BYTES_REV='long', PACKETS='long', PACKETS_REV='long', PPI_LEN='int',
         PPI_DURATION='double', PPI_ROUNDTRIPS='int', APP='text', CATEGORY='text')
    | {name: 'short' for name in FLAGS + REASONS}
    | {name: 'text' for name in ['PPI', *HISTOGRAMS]}
)


def unpack(file, out, tools):
    """The file itself, or the file that its tool has unpacked beside `out`."""
    tool = next((tool for ending, tool in tools.items() if file.endswith(ending)), None)
    if tool is None:
        return file
    with open(f'{out}.csv', 'wb') as unpacked:
        subprocess.run([tool, '-dc', file], stdout=unpacked, check=True)
    return unpacked.name


def answer(parse):
    """Answers requests with parse(file, out) until stdin ends."""
    for line in sys.stdin:
        request = json.loads(line)
        started = time.perf_counter()
        parse(request['file'], request['out'])
        print(json.dumps({'seconds': time.perf_counter() - started}), flush=True)
