"""One function for each thing that Airflow or a command does, on the wired services."""
