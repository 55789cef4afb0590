"""The schema of a FlinkDeployment, from the operator's own archive."""

import copy
import re
import zipfile
from importlib.metadata import version
from typing import Any

import yaml

from jobs.dev.artifacts import ensure

FILE = "META-INF/fabric8/flinkdeployments.flink.apache.org-v1.yml"


def flink_version() -> str:
    """Name the Flink of the project as the operator does: v2_3."""
    return "v" + "_".join(version("apache-flink").split(".")[:2])


def flink_deployment_schema() -> dict[str, Any]:
    """Give the JSON schema, stricter than Kubernetes: a key that it does not know is an error, not dropped in silence."""
    (jar,) = ensure("crd").glob("*.jar")
    with zipfile.ZipFile(jar) as archive:
        definition = yaml.safe_load(archive.read(FILE))
    (served,) = [one for one in definition["spec"]["versions"] if one["name"] == "v1beta1"]
    schema: dict[str, Any] = copy.deepcopy(served["schema"]["openAPIV3Schema"])
    schema["properties"] |= {name: {"type": kind} for name, kind in (("apiVersion", "string"), ("kind", "string"), ("metadata", "object"))}
    # The operator's release whose schema can be had is older than this Flink; the list of versions is all that is added to it.
    versions = schema["properties"]["spec"]["properties"]["flinkVersion"]["enum"]
    assert all(re.fullmatch(r"v\d+_\d+", one) for one in versions)
    versions.append(flink_version())
    _close(schema)
    return schema


def _close(schema: Any) -> None:
    if isinstance(schema, dict):
        if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
        if schema.get("x-kubernetes-int-or-string"):
            schema.pop("type", None)
            schema["anyOf"] = [{"type": "integer"}, {"type": "string"}]
        for value in schema.values():
            _close(value)
    elif isinstance(schema, list):
        for value in schema:
            _close(value)
