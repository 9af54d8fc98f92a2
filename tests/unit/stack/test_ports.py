import os

import pytest

from ml.domain.errors import InvalidInput, ServiceUnavailable
from ml.stack.ports import check_ports
from ml.stack.service import Service

AIRFLOW = Service(name="airflow-api-server", command=(), ports={"airflow_port": 18080})
MLFLOW = Service(name="mlflow", command=(), ports={"mlflow_port": 15000})


def test_free_ports_pass() -> None:
    check_ports([AIRFLOW, MLFLOW], {5432: None})


def test_a_port_in_use_is_named_with_its_owner_and_remedy() -> None:
    with pytest.raises(
        ServiceUnavailable,
        match=rf"port 18080 \(airflow-api-server\) is in use by pid {os.getpid()} \(.+\); "
        "stop it or set REGAIN_AIRFLOW_PORT=18082",
    ):
        check_ports([MLFLOW, AIRFLOW], {18080: os.getpid(), 18081: 1})


def test_an_owner_that_cannot_be_seen_is_said_so() -> None:
    with pytest.raises(ServiceUnavailable, match="in use by a process of another user"):
        check_ports([AIRFLOW], {18080: None})


def test_one_port_for_two_services_is_refused() -> None:
    twin = Service(name="mlflow", command=(), ports={"mlflow_port": 18080})
    with pytest.raises(InvalidInput, match="REGAIN_AIRFLOW_PORT and REGAIN_MLFLOW_PORT are both"):
        check_ports([AIRFLOW, twin], {})
