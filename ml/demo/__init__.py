"""The loop driven from outside: a marketplace sends products, people label, Airflow retrains."""
