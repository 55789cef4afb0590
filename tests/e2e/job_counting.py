"""A job for the tests of the cluster: numbers for ever, through a Python function, into nothing. It has keyed state."""

from pyflink.table import DataTypes, EnvironmentSettings, TableEnvironment
from pyflink.table.udf import udf

tables = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
tables.get_config().set("pipeline.name", "counting")
tables.get_config().set("execution.checkpointing.interval", "1 s")
tables.create_temporary_function("one_more", udf(lambda number: number + 1, result_type=DataTypes.BIGINT()))
tables.execute_sql(
    "CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '50', 'fields.n.min' = '0', 'fields.n.max' = '9')"
)
tables.execute_sql("CREATE TABLE nothing (n BIGINT, times BIGINT) WITH ('connector' = 'blackhole')")
tables.execute_sql("INSERT INTO nothing SELECT one_more(n), COUNT(*) FROM numbers GROUP BY one_more(n)")
