#!/bin/sh
# Lay out a Flink home around the Flink that came as a Python package, the way Flink's own images have it: all in it are links into the
# package; lib holds what a cluster needs besides the package's own jars: the Python operators and the connector to Kafka.
#   flink-home.sh FOLDER [PYTHON]
set -eu
[ $# -ge 1 ] || {
    echo "swerve: flink-home.sh FOLDER [PYTHON]" >&2
    exit 2
}
home=$1
python=${2:-python}
# Found without importing it: that alone would take a second and a Java.
flink=$("$python" -c 'from importlib.util import find_spec; print(find_spec("pyflink").submodule_search_locations[0])')
connector=$("$python" -c 'from jobs.dev.artifacts import connector_jar; print(connector_jar())')
mkdir -p "$home/lib" "$home/opt" "$home/conf" "$home/log"
for part in bin plugins; do
    ln -sfn "$flink/$part" "$home/$part"
done
ln -sf "$flink"/lib/*.jar "$flink"/opt/flink-python-*.jar "$connector" "$home/lib/"
# Flink walks through this folder without following a link that it is itself.
ln -sf "$flink"/opt/*.jar "$home/opt/"
