# syntax=docker/dockerfile:1.7
# One image for every role: JobManager, TaskManager, and the command line. Its Flink, its Java and all else come from the locked
# requirements; the connector to Kafka from the locked artifacts. What changes seldom comes first: a change of the code rebuilds the last layers only.
#   docker build -t swerve:0.1.0 .
ARG PYTHON=3.11.14-slim-bookworm

FROM python:${PYTHON} AS packages
WORKDIR /opt/swerve
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv .venv
COPY requirements-build.txt requirements.txt ./
# Nothing that is not locked is fetched: what comes as source is built with what requirements-build.txt has.
RUN --mount=type=cache,target=/root/.cache/pip \
    .venv/bin/pip install --require-hashes -r requirements-build.txt \
 && .venv/bin/pip install --require-hashes --no-build-isolation -r requirements.txt

FROM packages AS flink
# Only what fetches the connector: another change of the code does not fetch it again.
COPY udfs/__init__.py udfs/errors.py udfs/
COPY jobs/__init__.py jobs/
COPY jobs/dev/__init__.py jobs/dev/artifacts.py jobs/dev/locking.py jobs/dev/
COPY flink-conf/artifacts.yaml flink-conf/artifacts.lock.json flink-conf/flink-home.sh flink-conf/
RUN PATH=/opt/swerve/.venv/bin:$PATH PYTHONPATH=/opt/swerve SWERVE_ARTIFACTS=/opt/flink/artifacts flink-conf/flink-home.sh /opt/flink

FROM python:${PYTHON}
# The user and the group that Flink's own images have: volumes and policies made for them fit.
RUN groupadd --system --gid 9999 flink \
 && useradd --system --uid 9999 --gid flink --home-dir /opt/flink --no-create-home flink \
 # A volume that is mounted here for the first time gets the owner of the folder.
 && install -d -o flink -g flink /var/lib/swerve /models /archives
COPY --from=packages /opt/swerve /opt/swerve
COPY --from=flink --chown=flink:flink /opt/flink /opt/flink
WORKDIR /opt/swerve
COPY pyproject.toml README.md LICENSE ./
COPY avro avro
COPY flink-conf flink-conf
COPY models models
COPY training training
COPY serving serving
COPY bench bench
COPY udfs udfs
COPY jobs jobs
ENV SWERVE_HOME=/opt/swerve \
    FLINK_HOME=/opt/flink \
    FLINK_CONF_DIR=/opt/flink/conf \
    SWERVE_KERNEL_CACHE=/opt/flink/kernels \
    SWERVE__WORK=/var/lib/swerve \
    PATH=/opt/swerve/.venv/bin:/opt/flink/bin:$PATH \
    PYTHONUNBUFFERED=1
RUN .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable . \
 && cp flink-conf/config.yaml flink-conf/zoo.cfg flink-conf/log4j*.properties "$FLINK_CONF_DIR/" \
 && install -m 755 flink-conf/docker-entrypoint.sh /docker-entrypoint.sh \
 && install -d -o flink -g flink "$SWERVE_KERNEL_CACHE"
# By number: Kubernetes cannot tell whether a name is root.
USER 9999:9999
WORKDIR /var/lib/swerve
# 6123 RPC, 6124 files of the job, 8081 REST, 9250 metrics
EXPOSE 6123 6124 8081 9250
# A JobManager and a TaskManager both have metrics; a command ends before it is asked.
HEALTHCHECK --interval=15s --timeout=6s --start-period=60s CMD ["/docker-entrypoint.sh", "healthy"]
ENTRYPOINT ["/docker-entrypoint.sh"]
CMD ["swerve", "--help"]
