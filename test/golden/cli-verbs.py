"""The verbs of Airflow's CLI, from its own parser, and of tctl 1.18, from its documentation and sources."""
import json, pathlib

from airflow import __version__
from airflow.cli.cli_config import GroupCommand
from airflow.cli.cli_parser import airflow_commands

TCTL = {
    'namespace': 'register update describe list',
    'workflow': 'show showid start run cancel signal terminate list listall listarchived scan count query stack'
    ' describe describeid observe observeid reset reset-batch',
    'activity': 'complete fail',
    'taskqueue': 'describe list-partition',
    'schedule': 'create update toggle trigger backfill describe delete list',
    'batch': 'describe terminate list start',
    'batch-v2': 'describe list terminate',
    'cluster': 'health get-search-attributes',
    'admin workflow': 'show describe refresh_tasks delete',
    'admin shard': 'describe describe_task list_tasks close_shard remove_task',
    'admin history_host': 'describe get_shardid',
    'admin taskqueue': 'describe list_tasks',
    'admin membership': 'list_gossip list_db',
    'admin cluster': 'add-search-attributes remove-search-attributes get-search-attributes describe list'
    ' upsert-remote-cluster remove-remote-cluster',
    'admin dlq': 'read purge merge',
    'admin db': 'scan clean',
    'admin decode': 'proto base64',
    'dataconverter': 'web',
    'config': 'get set',
}


def verbs(command, path=()):
    path = (*path, command.name)
    if isinstance(command, GroupCommand):
        return [verb for inner in command.subcommands for verb in verbs(inner, path)]
    return [' '.join(path)]


out = pathlib.Path(__file__).with_suffix('.json')
out.write_text(json.dumps({
    'source': 'apache-airflow and temporalio/tctl', 'version': f'{__version__} and 1.18', 'tolerance': 0,
    'airflow': [verb for command in airflow_commands for verb in verbs(command)],
    'tctl': [f'{group} {verb}' for group, names in TCTL.items() for verb in names.split()],
}) + '\n')
