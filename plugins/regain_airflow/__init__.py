"""What regain's DAGs share: task groups and schedules. Light to import: DAGs are parsed often."""
