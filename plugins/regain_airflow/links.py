"""Links in the details of task instances in the Airflow UI."""

from airflow.sdk import BaseOperatorLink, BaseXCom


class DriftReportLink(BaseOperatorLink):  # type: ignore[misc]  # mypy skips Airflow
    """Opens the report of a drift check, the key `report` of what its task returned."""

    name = "Drift report"

    def get_link(self, operator: object, *, ti_key: object) -> str:  # noqa: ARG002 (Airflow's)
        """The report's URL, empty when there was nothing to compare."""
        result = BaseXCom.get_value(ti_key=ti_key, key="return_value")
        return (result or {}).get("report") or ""
