"""flink-conf/k8s: by the schemas of Kubernetes and of the Flink operator, and by what the other files say."""

import copy
import re
from importlib.metadata import version
from typing import Any

import jsonschema
import kubernetes_validate
import pytest

from jobs.settings import Settings
from tests.unit.crd import flink_deployment_schema, flink_version
from tests.unit.project import ROOT, read_all, read_yaml

FOLDER = "flink-conf/k8s"
KUSTOMIZATION = read_yaml(f"{FOLDER}/kustomization.yaml")
OBJECTS = [one for name in KUSTOMIZATION["resources"] for one in read_all(f"{FOLDER}/{name}")]
CORE = [one for one in OBJECTS if one["kind"] != "FlinkDeployment"]
(DEPLOYMENT,) = [one for one in OBJECTS if one["kind"] == "FlinkDeployment"]
SPEC = DEPLOYMENT["spec"]
POD = SPEC["podTemplate"]["spec"]
(CONTAINER,) = POD["containers"]
(SERVING,) = [one["spec"] for one in CORE if one["kind"] == "StatefulSet"]
(SERVER,) = SERVING["template"]["spec"]["containers"]
#: The oldest Kubernetes that the files are for.
KUBERNETES = "1.30"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return flink_deployment_schema()


@pytest.mark.parametrize("one", CORE, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_objects_of_kubernetes(one: dict[str, Any]) -> None:
    kubernetes_validate.validate(one, KUBERNETES, strict=True)


def test_the_flink_deployment(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(schema).validate(DEPLOYMENT)
    assert SPEC["flinkVersion"] == flink_version()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("job", "upgradeMode"), "savepiont"),
        (("job", "paralellism"), 4),
        (("podTemplate", "spec", "securityContext", "runAsNonRoot"), "yes"),
        (("taskManager", "podTemplate", "spec", "containers"), {}),
        (("flinkConfiguration", "state.backend.incremental"), True),
    ],
)
def test_the_schema_would_notice(schema: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    wrong = copy.deepcopy(DEPLOYMENT)
    target = wrong["spec"]
    for part in path[:-1]:
        target = target[part]
    target[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(wrong)


@pytest.mark.parametrize("of", ["podTemplate", "jobManager", "taskManager"])
def test_pod_templates_are_pods_of_kubernetes(of: str) -> None:
    template = SPEC[of] if of == "podTemplate" else SPEC[of]["podTemplate"]
    # In a template the operator fills in the image; the name of a pod it makes up.
    pod = copy.deepcopy(template)
    pod.setdefault("metadata", {})["name"] = "template"
    pod["spec"]["containers"][0]["image"] = SPEC["image"]
    kubernetes_validate.validate(pod, KUBERNETES, strict=True)
    assert pod["spec"]["containers"][0]["name"] == "flink-main-container"


def test_it_runs_this_flink_from_this_image() -> None:
    assert SPEC["job"]["jarURI"] == f"local:///opt/flink/opt/flink-python-{version('apache-flink')}.jar"
    assert SPEC["image"] == read_yaml("docker-compose.yml")["services"]["jobmanager"]["image"]


def test_the_program_is_a_module_with_these_options() -> None:
    args = SPEC["job"]["args"]
    module = args[args.index("-pym") + 1]
    assert (ROOT / (module.replace(".", "/") + ".py")).is_file()
    assert args[args.index("-pyclientexec") + 1] == "/opt/swerve/.venv/bin/python"


def test_nothing_runs_as_root() -> None:
    assert POD["securityContext"]["runAsNonRoot"] is True
    user = f"{POD['securityContext']['runAsUser']}:{POD['securityContext']['runAsGroup']}"
    assert f"USER {user}\n" in (ROOT / "Dockerfile").read_text()
    assert CONTAINER["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


@pytest.mark.parametrize("container", [CONTAINER, SERVER], ids=lambda container: container["name"])
def test_secrets_come_from_a_secret(container: dict[str, Any]) -> None:
    plain = {env["name"] for env in container["env"] if "value" in env}
    assert [name for name in plain if re.search(r"(?i)password|properties|secret", name)] == []
    settings = (ROOT / FOLDER / "swerve.yaml").read_text()
    assert not re.search(r"(?i)password|jaas", settings)
    for env in container["env"]:
        if not env["name"].startswith("SWERVE__"):
            continue
        section, key = env["name"].removeprefix("SWERVE__").lower().split("__")
        assert key in type(getattr(Settings(), section)).model_fields, env["name"]


def test_what_is_mounted_is_declared() -> None:
    claims = {one["metadata"]["name"] for one in CORE if one["kind"] == "PersistentVolumeClaim"}
    maps = {one["name"] for one in KUSTOMIZATION["configMapGenerator"]}
    volumes = {volume["name"]: volume for volume in POD["volumes"]}
    assert {mount["name"] for mount in CONTAINER["volumeMounts"]} == set(volumes)
    for volume in volumes.values():
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        assert claim in claims if claim else volume["configMap"]["name"] in maps


def test_kustomize_finds_what_it_renames() -> None:
    (file,) = KUSTOMIZATION["configurations"]
    fields = read_yaml(f"{FOLDER}/{file}")
    (named,) = fields["nameReference"]
    for kind, field in [*(("configMap", one) for one in named["fieldSpecs"]), *(("image", one) for one in fields["images"])]:
        assert field["kind"] == DEPLOYMENT["kind"]
        found: list[Any] = [DEPLOYMENT]
        for part in field["path"].split("/"):
            found = [one[part] for one in found if part in one]
            found = [one for each in found for one in (each if isinstance(each, list) else [each])]
        expected = {"configMap": [one["name"] for one in KUSTOMIZATION["configMapGenerator"]], "image": [SPEC["image"]]}
        assert found == expected[kind]
    (image,) = KUSTOMIZATION["images"]
    assert f"{image['name']}:{image['newTag']}" == SPEC["image"]


def test_state_lies_on_the_volume() -> None:
    (mount,) = [mount["mountPath"] for mount in CONTAINER["volumeMounts"] if mount["name"] == "state"]
    folders = [value for key, value in SPEC["flinkConfiguration"].items() if key.endswith((".dir", "-dir", "Dir"))]
    assert len(folders) == 3
    assert [folder for folder in folders if not folder.startswith(f"file://{mount}/")] == []


def test_settings_are_settings() -> None:
    settings = Settings.model_validate(read_yaml(f"{FOLDER}/swerve.yaml"))
    assert settings.parallelism == SPEC["job"]["parallelism"]
    (models,) = [mount["mountPath"] for mount in CONTAINER["volumeMounts"] if mount["name"] == "models"]
    assert str(settings.model.path).startswith(models)


def test_the_network_policy_is_for_these_pods() -> None:
    policy, of_serving = [one["spec"] for one in CORE if one["kind"] == "NetworkPolicy"]
    assert of_serving["podSelector"] == SERVING["selector"]
    assert [rule["ports"] for rule in of_serving["ingress"]] == [[{"port": SERVER["ports"][0]["containerPort"]}]]
    # The operator labels pods with the deployment's name.
    assert policy["podSelector"]["matchLabels"] == {"app": DEPLOYMENT["metadata"]["name"]}
    ports = {port["port"] for rule in policy["ingress"] for port in rule.get("ports", [])}
    annotation = int(SPEC["podTemplate"]["metadata"]["annotations"]["prometheus.io/port"])
    assert ports == {8081, annotation} == {8081, CONTAINER["ports"][0]["containerPort"]}


#: What is the operator's part, or has no meaning in Kubernetes.
NOT_HERE = re.compile(
    r"jobmanager\.rpc\..*|.*\.bind-(host|address)|taskmanager\.host|rest\..*|(jobmanager|taskmanager)\.memory\..*|web\..*"
    r"|high-availability\.(zookeeper\..*|cluster-id)|taskmanager\.registration\.timeout|metrics\.latency\.interval"
)


def test_flink_is_set_up_as_elsewhere() -> None:
    here = SPEC["flinkConfiguration"]
    for key, value in read_yaml("flink-conf/config.yaml").items():
        if not NOT_HERE.fullmatch(key):
            assert here.get(key) == (str(value).lower() if isinstance(value, bool) else str(value)), key
        else:
            assert key not in here


def test_pages_are_served_as_in_the_compose_file() -> None:
    composed = read_yaml("docker-compose.yml")["services"]["serving"]
    words, composed_words = (" ".join(one).replace("--", "").replace("=", " ").split() for one in (SERVER["args"], composed["command"]))
    assert [word for word in words if word not in ("config", "/etc/swerve/swerve.yaml")] == composed_words
    assert SERVER["image"] == SPEC["image"] == composed["image"]
    spec = SERVING["template"]["spec"]
    assert (spec["securityContext"], SERVER["securityContext"]) == (POD["securityContext"], CONTAINER["securityContext"])
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert SERVING["selector"]["matchLabels"] == SERVING["template"]["metadata"]["labels"]
    annotations = SERVING["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(SERVER["ports"][0]["containerPort"]) == composed["ports"][0].rsplit(":", 1)[1]
    volumes = {volume["name"] for volume in spec["volumes"]} | {claim["metadata"]["name"] for claim in SERVING["volumeClaimTemplates"]}
    assert {mount["name"] for mount in SERVER["volumeMounts"]} == volumes


def test_it_logs_as_elsewhere() -> None:
    (name,) = SPEC["logConfiguration"]
    assert SPEC["logConfiguration"][name] == (ROOT / "flink-conf" / name).read_text()
