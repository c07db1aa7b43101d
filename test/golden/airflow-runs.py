"""The end states that Airflow's own scheduler gives to the tasks of random DAGs.

pip install apache-airflow==3.3.2 (Python 3.11), then, for ten minutes of CPU time: python airflow-runs.py > airflow-runs.json

Every case is a DAG of real operators, serialised and read back as the scheduler does, with DagRun and TaskInstance rows in
SQLite. What happens is decided by these functions of Airflow alone:
- DagRun.update_state and, in it, task_instance_scheduling_decisions: the trigger rules, the expansion of mapped tasks, the
  end of the run; DagRun.schedule_tis for what is ready.
- BranchPythonOperator.execute and ShortCircuitOperator.execute say whom to skip; ti_skip_downstream, the endpoint of the
  Execution API that a worker calls then, skips them.
- set_xcom, of the same API, stores what a task returned and how long it is.
A task's work alone is put in from outside: its outcome is drawn beforehand and set with TaskInstance.set_state.

A case is read so:
  feature   what the DAG stresses
  tasks     id; upstream: all direct upstream ids, producers and setups included; rule; kind: task, branch, short_circuit,
            setup or teardown; map: {length} for a literal list, {over: id} for what an upstream task returns (one value for
            each success if that is mapped itself); ignoreDownstreamTriggerRules; setups; onFailureFailRun
  outcomes  what a task does if it runs: success, failed, skipped; {length}: succeeds and returns so many values;
            {choice}: the branch follows these; {condition}: of the short circuit; {map}: success, failed or skipped by index
  expected  the state of each task. A mapped task that has its instances has a list, one that was settled before has one state;
            a literal list gives its instances from the start, an empty one never
  run       success or failed
  waves     the instances that became ready together. Decisions repeat until nothing changes; then all that is ready runs and
            all of it finishes, in the order of ids and indexes; only then come the next decisions
  oneByOne  {expected, run} where they differ if, instead, only the first of the running instances (by id and index) finishes
            before the next decisions and whatever becomes ready starts at once

Left out, and counted in `leftOut`, are the DAGs for which Airflow has no single answer. A task's dependencies (trigger rule,
branch, producer of its map) are a hash set and each may set the state; a mapped task sees its producer as it is now, the
other dependencies see it as it was when the decisions began, so that the order of rows counts. Such a DAG ends differently
from process to process. Left out too are those where ti_skip_downstream misses the instances of a literal list, because it
knows rows without an index only, and nothing else skips them.
"""

import atexit
import json
import logging
import os
import random
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import groupby
from multiprocessing import get_context

SCRATCH = tempfile.mkdtemp(prefix="airflow-runs-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
atexit.register(shutil.rmtree, SCRATCH)
os.environ |= {
    "AIRFLOW_HOME": SCRATCH,
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{SCRATCH}/airflow.db",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
}

import airflow.models
from airflow import __version__ as VERSION
from airflow import settings
from airflow.api_fastapi.execution_api.datamodels.taskinstance import TISkippedDownstreamTasksStatePayload
from airflow.api_fastapi.execution_api.routes.task_instances import ti_skip_downstream
from airflow.api_fastapi.execution_api.routes.xcoms import set_xcom
from airflow.models.base import Base
from airflow.models.dag import DagModel
from airflow.models.dag_version import DagVersion
from airflow.models.dagbundle import DagBundleModel
from airflow.models.taskinstance import TaskInstance
from airflow.providers.standard.operators.python import (
    BranchPythonOperator,
    PythonOperator,
    ShortCircuitOperator,
)
from airflow.sdk import DAG
from airflow.sdk.exceptions import DownstreamTasksSkipped
from airflow.sdk.execution_time.context import OutletEventAccessors
from airflow.serialization.serialized_objects import DagSerialization
from airflow.ti_deps.deps.mapped_task_upstream_dep import MappedTaskUpstreamDep
from airflow.ti_deps.deps.not_in_retry_period_dep import NotInRetryPeriodDep
from airflow.ti_deps.deps.not_previously_skipped_dep import NotPreviouslySkippedDep
from airflow.ti_deps.deps.prev_dagrun_dep import PrevDagrunDep
from airflow.ti_deps.deps.trigger_rule_dep import TriggerRuleDep
from airflow.utils.db import synchronize_log_template
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select

SEED = 20261122
DRAWN = 2450
FEATURES = ["mixed", "mixed", "rules", "branch", "short_circuit", "map", "setup"] * 2 + ["mixed", "mixed", "map", "setup"]
DAG_ID = "golden"
RULES = [
    *("all_success", "all_failed", "all_done", "all_done_min_one_success", "all_skipped", "one_failed"),
    *("one_success", "one_done", "none_failed", "none_failed_min_one_success", "none_skipped", "always"),
]


# ---- random DAGs ---------------------------------------------------------------------------------------------------


def draw(rng, feature):
    """Tasks in a topological order, and their outcomes."""
    share = {kind: 0.12 if feature == "mixed" else 0.35 for kind in ("branch", "short_circuit", "map", "setup")}
    stressed = {kind: feature in (kind, "mixed") for kind in share}
    tasks = []
    for id in "abcdefghijkl"[: rng.choice((3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 12))]:
        earlier = [task["id"] for task in tasks]
        width = min(len(earlier), rng.choices((0, 1, 2, 3, 4), (0.12, 0.34, 0.32, 0.16, 0.06))[0])
        deciding = [other["id"] for other in tasks if other["kind"] in ("branch", "short_circuit", "setup")]
        if deciding and rng.random() < 0.4:
            earlier.remove(decider := rng.choice(deciding))
            upstream = [decider, *rng.sample(earlier, max(0, width - 1))]
        else:
            upstream = rng.sample(earlier, width)
        task = {"id": id, "upstream": upstream, "rule": rng.choice(RULES), "kind": "task"}
        if rng.random() < 0.2:
            task["rule"] = "all_success"
        drawn = [kind for kind in share if stressed[kind] and rng.random() < share[kind]]
        kind = rng.choice(drawn) if drawn else "task"
        if kind == "map":
            producers = [other["id"] for other in tasks if other["kind"] in ("task", "setup")]
            if producers and rng.random() < 0.65:
                task["map"] = {"over": rng.choice(producers)}
                task["upstream"].append(task["map"]["over"])
            else:
                task["map"] = {"length": rng.choices((0, 1, 2, 3, 4), (0.15, 0.15, 0.35, 0.2, 0.15))[0]}
        elif kind == "short_circuit":
            task |= {"kind": kind, "ignoreDownstreamTriggerRules": rng.random() < 0.5}
        else:
            task["kind"] = kind
        setups = [other["id"] for other in tasks if other["kind"] == "setup"]
        if setups and rng.random() < 0.3:
            chosen = sorted(rng.sample(setups, min(len(setups), rng.choice((0, 1, 1, 1, 2, 2, 3)))))
            task = {"id": id, "upstream": task["upstream"] + chosen, "rule": "all_done_setup_success"}
            task |= {"kind": "teardown", "setups": chosen, "onFailureFailRun": rng.random() < 0.4}
        task["upstream"] = sorted(set(task["upstream"]))
        tasks.append(task)
    setups = {task["id"] for task in tasks if task["kind"] == "setup"}
    for task in tasks:
        if task["kind"] != "teardown" and setups.intersection(task["upstream"]):
            task["rule"] = "all_success"  # a DAG of Airflow is refused otherwise
    return tasks, outcomes_of(rng, tasks)


def outcomes_of(rng, tasks):
    longest = {}  # instances of a map, values of a producer
    outcomes = {}
    for task in tasks:
        id = task["id"]
        plain = rng.choices(("success", "failed", "skipped"), (0.68, 0.18, 0.14))[0]
        if "map" in task:
            longest[id] = task["map"]["length"] if "length" in task["map"] else longest[task["map"]["over"]]
            weights = rng.choice(((1, 0, 0), (0.65, 0.2, 0.15), (0.65, 0.2, 0.15), (0, 0.5, 0.5)))
            outcomes[id] = {"map": rng.choices(("success", "failed", "skipped"), weights, k=longest[id])}
        elif plain != "success":
            outcomes[id] = plain
            longest[id] = 0
        elif task["kind"] == "branch":
            downstream = [other["id"] for other in tasks if id in other["upstream"]]
            outcomes[id] = {"choice": sorted(rng.sample(downstream, rng.randint(0, len(downstream))))}
        elif task["kind"] == "short_circuit":
            outcomes[id] = {"condition": rng.random() < 0.4}
        elif any(other.get("map") == {"over": id} for other in tasks):
            longest[id] = rng.choices((0, 1, 2, 3, 4), (0.12, 0.18, 0.35, 0.2, 0.15))[0]
            outcomes[id] = {"length": longest[id]}
        else:
            outcomes[id] = plain
    return outcomes


# ---- the same in Airflow -------------------------------------------------------------------------------------------


def airflow_dag(tasks, outcomes):
    """The DAG as its author writes it."""
    with DAG(DAG_ID, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)) as dag:
        for task in tasks:
            common = {"task_id": task["id"]}
            if task["kind"] != "teardown":
                common["trigger_rule"] = task["rule"]
            outcome = outcomes[task["id"]]
            if "map" in task:
                source = task["map"].get("over")
                values = dag.get_task(source).output if source else [[i] for i in range(task["map"]["length"])]
                operator = PythonOperator.partial(python_callable=print, **common).expand(op_args=values)
            elif task["kind"] == "branch":
                operator = BranchPythonOperator(python_callable=returning(outcome, "choice"), **common)
            elif task["kind"] == "short_circuit":
                operator = ShortCircuitOperator(
                    python_callable=returning(outcome, "condition"),
                    ignore_downstream_trigger_rules=task["ignoreDownstreamTriggerRules"],
                    **common,
                )
            else:
                operator = PythonOperator(python_callable=print, **common)
            if task["kind"] == "setup":
                operator.as_setup()
            if task["kind"] == "teardown":
                operator.as_teardown(
                    setups=[dag.get_task(id) for id in task["setups"]],
                    on_failure_fail_dagrun=task["onFailureFailRun"],
                )
            for id in sorted(set(task["upstream"]) - operator.upstream_task_ids):
                operator.set_upstream(dag.get_task(id))
    dag.check_cycle()
    dag.validate()
    return dag


def returning(outcome, key):
    return lambda: outcome[key]


class Ordered(tuple):
    """A task's dependencies in a fixed order: TaskInstance goes through `set() | deps`."""

    def __ror__(self, others):
        return (*others, *self)


DEPENDENCIES = Ordered(
    (NotInRetryPeriodDep(), PrevDagrunDep(), TriggerRuleDep(), NotPreviouslySkippedDep(), MappedTaskUpstreamDep())
)


class Worker:
    """What an operator sees of its task instance while it runs."""

    def __init__(self, session, row, operator):
        self.session, self.row, self.task, self.map_index = session, row, operator, row.map_index
        self.to_skip = []

    def xcom_push(self, key, value, mapped_length=None):
        where = {"dag_id": DAG_ID, "run_id": self.row.run_id, "task_id": self.task.task_id}
        set_xcom(**where, key=key, session=self.session, value=value, map_index=self.map_index, mapped_length=mapped_length)

    def work(self, outcome):
        if self.map_index >= 0:
            outcome = outcome["map"][self.map_index]
            if outcome == "success":
                self.xcom_push("return_value", self.map_index)
        elif isinstance(outcome, dict) and "length" in outcome:
            length = outcome["length"]
            self.xcom_push("return_value", [[i] for i in range(length)], mapped_length=length)
        elif isinstance(outcome, dict):
            try:
                self.task.execute({"ti": self, "task": self.task, "dag_run": None, "outlet_events": OutletEventAccessors()})
            except DownstreamTasksSkipped as skip:
                self.to_skip = [task if isinstance(task, str) else task[0] for task in skip.tasks]
                ti_skip_downstream(self.row.id, TISkippedDownstreamTasksStatePayload(tasks=skip.tasks), self.session)
        self.row.set_state(outcome if isinstance(outcome, str) else "success", session=self.session)
        self.session.flush()
        self.session.expire_all()  # the endpoint updates rows behind the session's back


class Run:
    """A DagRun between the first decision and the last."""

    def __init__(self, session, dag, outcomes, backwards):
        self.session, self.dag, self.outcomes = session, dag, outcomes
        self.missed = set()  # (id, index) that a skip was meant for and did not reach
        scheduler_dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
        for task in scheduler_dag.tasks:
            assert set(task.deps) == set(DEPENDENCIES)
            task.deps = Ordered(reversed(DEPENDENCIES)) if backwards else DEPENDENCIES
        self.dag_run = scheduler_dag.create_dagrun(
            run_id="manual__golden",
            run_after=datetime(2026, 1, 1, tzinfo=timezone.utc),
            run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.TEST,
            state=DagRunState.RUNNING,
            session=session,
        )
        if backwards:
            in_order = self.dag_run.get_task_instances
            self.dag_run.get_task_instances = lambda **query: in_order(**query)[::-1]

    def states(self):
        """(id, index, state) of every instance."""
        columns = select(TaskInstance.task_id, TaskInstance.map_index, TaskInstance.state)
        return self.session.execute(columns.order_by(TaskInstance.task_id, TaskInstance.map_index)).all()

    def rows(self, state):
        rows = self.dag_run.get_task_instances(state=[state], session=self.session)
        return sorted(rows, key=lambda row: (row.task_id, row.map_index))

    def decide(self):
        """Decisions until nothing changes; what became ready is then running."""
        before = None
        while before != (now := self.states()) and not self.finished():
            before = now
            if self.rows(TaskInstanceState.RUNNING):
                # update_state adds a search for deadlocks, which can skip a task that is running already
                ready = self.dag_run.task_instance_scheduling_decisions(session=self.session).schedulable_tis
            else:
                ready, _ = self.dag_run.update_state(session=self.session, execute_callbacks=False)
            self.dag_run.schedule_tis(ready, session=self.session)
            self.session.flush()
            self.session.expire_all()
        ready = self.rows(TaskInstanceState.SCHEDULED)
        for row in ready:
            row.set_state(TaskInstanceState.RUNNING, session=self.session)
        return ready

    def finished(self):
        return self.dag_run.state in (DagRunState.SUCCESS, DagRunState.FAILED)

    def finish(self, row):
        worker = Worker(self.session, row, self.dag.get_task(row.task_id))
        worker.work(self.outcomes[row.task_id])
        if worker.to_skip:
            kept = (TaskInstanceState.RUNNING, TaskInstanceState.SUCCESS, TaskInstanceState.FAILED)
            self.missed |= {
                (id, index) for id, index, state in self.states() if id in worker.to_skip and index >= 0 and state not in kept
            }

    def incomplete(self):
        """Whether an instance that a branch or a short circuit meant to skip has ended otherwise."""
        return any((id, index) in self.missed and state != TaskInstanceState.SKIPPED for id, index, state in self.states())

    def result(self):
        expected = {}
        for id, rows in groupby(self.states(), key=lambda row: row.task_id):
            rows = list(rows)
            states = [str(row.state or "none") for row in rows]
            expected[id] = states if rows[0].map_index >= 0 else states[0]
        return {"expected": expected, "run": str(self.dag_run.state)}


@contextmanager
def new_run(*args):
    """Its rows live in one transaction that is rolled back."""
    session = settings.Session()
    try:
        yield Run(session, *args)
    finally:
        session.rollback()
        session.close()


def in_waves(*args):
    with new_run(*args) as run:
        waves = []
        while ready := run.decide():
            waves.append([name(row) for row in ready])
            for row in ready:
                run.finish(row)
        assert run.finished()
        return None if run.incomplete() else {**run.result(), "waves": waves}


def one_by_one(*args):
    with new_run(*args) as run:
        run.decide()
        while running := run.rows(TaskInstanceState.RUNNING):
            assert not run.finished(), "a run ended before its tasks"
            run.finish(running[0])
            run.decide()
        assert run.finished()
        return None if run.incomplete() else run.result()


def name(row):
    return row.task_id if row.map_index < 0 else f"{row.task_id}[{row.map_index}]"


# ---- the file ------------------------------------------------------------------------------------------------------


def judge(number):
    """A case, or None where Airflow has no single answer."""
    rng = random.Random(f"{SEED}/{number}")
    feature = FEATURES[number % len(FEATURES)]
    tasks, outcomes = draw(rng, feature)
    dag = airflow_dag(tasks, outcomes)
    waves = in_waves(dag, outcomes, False)
    single = one_by_one(dag, outcomes, False)
    if waves is None or single is None:
        return None
    if any("map" in task for task in tasks):  # without a map only the trigger rule sets a state
        if waves != in_waves(dag, outcomes, True) or single != one_by_one(dag, outcomes, True):
            return None
    case = {"feature": feature, "tasks": tasks, "outcomes": outcomes, **waves}
    return case if single.items() <= waves.items() else case | {"oneByOne": single}


def prepare():
    """A database for this process, with all that a DagRun refers to."""
    logging.disable(logging.CRITICAL)
    airflow.models.import_all_models()
    Base.metadata.create_all(settings.engine)
    with settings.Session() as session:
        session.add(DagBundleModel(name=DAG_ID))
        session.flush()
        session.add(DagModel(dag_id=DAG_ID, bundle_name=DAG_ID, fileloc=""))
        session.flush()
        synchronize_log_template(session=session)
        DagVersion.write_dag(dag_id=DAG_ID, bundle_name=DAG_ID, session=session)
        session.commit()


def main(count):
    lines, seen, left_out = [], set(), 0
    with ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=prepare) as processes:
        for case in processes.map(judge, range(count), chunksize=10):
            if case is None:
                left_out += 1
            elif (key := json.dumps([case["tasks"], case["outcomes"]])) not in seen:
                seen.add(key)
                lines.append(json.dumps(case, separators=(",", ":")))
                if len(lines) % 100 == 0:
                    print(f"{len(lines)} cases, {left_out} left out", file=sys.stderr, flush=True)
    head = {
        "source": "DagRun.update_state and the Execution API of Apache Airflow",
        "version": VERSION,
        "script": "airflow-runs.py",
        "tolerance": "exact",
        "seed": SEED,
        "leftOut": left_out,
    }
    sys.stdout.write(json.dumps(head)[:-1] + ', "cases": [\n' + ",\n".join(lines) + "\n]}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else DRAWN)
