"""Who asks, who answers, and what either answer leads to."""

import pytest

pytestmark = [
    pytest.mark.dags,
    pytest.mark.filterwarnings("default"),  # Airflow's own deprecations are not ours
]


def test_the_judge_wakes_the_question(dags) -> None:
    ask = dags["judge_rollout"].get_task("ask")
    woken_by = dags["approve_promotion"].timetable.asset_condition
    assert [asset.name for asset in ask.outlets] == ["promotion_ready"]
    assert [asset.name for asset in woken_by.objects] == ["promotion_ready"]


def test_a_stop_waits_for_nobody(dags) -> None:
    """What asks comes after the judge has written its decision, and nothing comes after that."""
    dag = dags["judge_rollout"]
    assert dag.get_task("judge").upstream_task_ids == set()
    assert dag.get_task("ask").downstream_task_ids == set()


def test_approval_leads_to_the_promotion_and_refusal_to_the_withdrawal(dags) -> None:
    dag = dags["approve_promotion"]
    assert dag.get_task("question").downstream_task_ids == {"approve"}
    assert dag.get_task("approve").downstream_task_ids == {"promote"}
    promote, withdraw = dag.get_task("promote"), dag.get_task("withdraw")
    # A refusal skips what comes next, which is what the withdrawal waits for.
    assert (promote.trigger_rule, withdraw.trigger_rule) == ("all_success", "all_skipped")
    assert withdraw.upstream_task_ids == {"promote"}


def test_a_promotion_that_fails_fails_the_run(dags) -> None:
    """Of the last tasks one at least waits for its success; the withdrawal would be skipped."""
    dag = dags["approve_promotion"]
    last = [dag.get_task(task_id) for task_id in dag.get_task("promote").downstream_task_ids]
    assert {task.downstream_task_ids == set() for task in last} == {True}
    assert "all_success" in {task.trigger_rule for task in last}


def test_the_question_is_open_as_long_as_a_trial_may_take(dags) -> None:
    assert dags["approve_promotion"].get_task("approve").response_timeout.days == 30
