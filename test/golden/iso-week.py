"""ISO years and weeks at every year's edges, 1969-2100, from Python's calendar."""
import datetime, json, pathlib, platform

cases = []
for year in range(1969, 2101):
    for month, day in [(1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (12, 28), (12, 29), (12, 30), (12, 31), (2, 28), (7, 1)]:
        date = datetime.date(year, month, day)
        iso = date.isocalendar()
        cases.append([date.isoformat(), iso.year, iso.week, iso.weekday])
out = pathlib.Path(__file__).with_suffix('.json')
out.write_text(json.dumps({
    'source': 'datetime.date.isocalendar', 'version': platform.python_version(), 'tolerance': 0, 'cases': cases,
}) + '\n')
