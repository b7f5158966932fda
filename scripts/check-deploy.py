#!/usr/bin/env python3
"""Tries what deploy/ has with the programs and schemas of those it is for. Changes nothing and needs no network.

    scripts/setup.sh ci; $(scripts/setup.sh where | sed -n 's/^deploy=//p') scripts/check-deploy.py

The packages that it imports are in deploy/requirements.txt. What is not here is said, and not tried; what is wrong is said, and
the exit code is 1.
"""

import importlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm/pgtenant"
# Above what the units are rated (`systemd-analyze security`), in tenths.
MOST_EXPOSED = 20

problems = []


def wrong(text):
    problems.append(text)
    print(f"    WRONG: {text}")


def package(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def run(*command, directory=None):
    done = subprocess.run(command, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def chart_values():
    """Sets of values: those the chart has, all of them, and without what can be turned off."""
    everything = {
        "image": {"repository": "example.org/pgtenant", "tag": "1", "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "pull"}],
        "env": [{"name": "PGTENANT_SERVER_HOST", "value": "db"}],
        "envFrom": [{"configMapRef": {"name": "more"}}],
        "secretFiles": [
            {"secret": "tls", "path": "/etc/pgtenant-tls"},
            {"secret": "users", "path": "/etc/pgtenant-users"},
        ],
        "service": {"type": "LoadBalancer", "port": 5432, "annotations": {"a": "b"}},
        "monitor": {
            "serviceMonitor": {
                "enabled": True,
                "labels": {"release": "prometheus"},
                "tokenSecret": {"name": "monitor", "key": "token"},
            }
        },
        "podAnnotations": {"a": "b"},
        "podLabels": {"team": "data"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}]}}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"matchLabels": {"a": "b"}}}
        ],
    }
    least = {"monitor": {"enabled": False}, "podDisruptionBudget": {"enabled": False}}
    return {"its own values": {}, "all values": everything, "the least": least}


def manifests(what, text, kubernetes, yaml, versions):
    """Every resource against Kubernetes' schemas, unknown keys refused. Returns the kinds."""
    kinds = []
    for resource in yaml.safe_load_all(text):
        if not resource:
            continue
        kinds.append(resource["kind"])
        # Of the Prometheus operator: its schema is not among them.
        if resource["kind"] == "ServiceMonitor":
            continue
        for version in versions:
            try:
                kubernetes.validate(resource, version, strict=True)
            except kubernetes.ValidationError as error:
                wrong(f"{what}: {resource['kind']}, Kubernetes {version}: {error.message} at {list(error.path)}")
    return kinds


def check_kubernetes():
    kubernetes, yaml = package("kubernetes_validate"), package("yaml")
    if not kubernetes or not yaml:
        return "kubernetes-validate is not installed here: manifests were NOT tried"
    # The oldest that the chart is for, and the newest known.
    oldest = re.search(r'kubeVersion: ">=(\d+\.\d+)', (CHART / "Chart.yaml").read_text())[1]
    versions = [oldest, kubernetes.latest_version()]
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        kinds = manifests(path.name, path.read_text(), kubernetes, yaml, versions)
        print(f"    {path.relative_to(ROOT)}: {', '.join(kinds)}")
    helm = package("helm_python")
    if not helm:
        return "helm-python-sdk is not installed here: the chart was NOT rendered"
    chart_module = importlib.import_module("helm_python.chart")
    with helm.Chart.load(CHART) as chart:
        for name, values in chart_values().items():
            report = chart_module.lint(CHART, values, strict=True)
            # Severity 1 is a hint, as that a chart may have an icon.
            for message in report["messages"]:
                if message["severity"] > 1:
                    wrong(f"chart with {name}: {message['error']}")
            text = "\n---\n".join(
                text for path, text in chart.render(values, name="db", namespace="app").items() if path.endswith(".yaml")
            )
            kinds = manifests(f"chart with {name}", text, kubernetes, yaml, versions)
            print(f"    chart with {name}: {', '.join(kinds)}")
        for values in ({"replica": 3}, {"monitor": {"enabled": False, "serviceMonitor": {"enabled": True}}}):
            try:
                chart.validate_schema(values)
                chart.render(values, name="db")
                wrong(f"the chart takes {values}")
            except helm.HelmError:
                pass
    return f"manifests hold for Kubernetes {' and '.join(versions)}"


def dashboard():
    return json.loads((DEPLOY / "grafana/pgtenant.json").read_text())


def lost(before, after, path=""):
    """What Grafana's own types do not know, or change."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key not in after:
                yield f"{path}.{key}"
            else:
                yield from lost(value, after[key], f"{path}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for nth, (one, other) in enumerate(zip(before, after)):
            yield from lost(one, other, f"{path}[{nth}]")
    elif before != after:
        yield path


def check_grafana():
    if not package("grafana_foundation_sdk"):
        return "grafana-foundation-sdk is not installed here: the dashboard was NOT read by Grafana's types"
    importlib.import_module("grafana_foundation_sdk.cog.plugins").register_default_plugins()
    types = importlib.import_module("grafana_foundation_sdk.models.dashboard")
    encoder = importlib.import_module("grafana_foundation_sdk.cog.encoder")
    before = dashboard()
    after = json.loads(json.dumps(types.Dashboard.from_json(before), cls=encoder.JSONEncoder))
    for path in lost(before, after):
        wrong(f"the dashboard's {path} is not known to Grafana")
    return f"{len(before['panels'])} panels are as Grafana's types have them"


def check_promtool():
    if not shutil.which("promtool"):
        return "promtool is not installed here: queries of the dashboard were NOT tried"
    queries = [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]
    rules = []
    for nth, query in enumerate(queries):
        for name, value in (("$__rate_interval", "5m"), ("$__range", "1h"), ("$__interval", "1m"), ("$instance", "a")):
            query = query.replace(name, value)
        if "$" in query:
            wrong(f"the dashboard asks with a variable that is not known here: {query}")
        rules.append({"record": f"q{nth}", "expr": query})
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        # JSON is YAML too.
        json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
        file.flush()
        code, said = run("promtool", "check", "rules", file.name)
    if code != 0:
        wrong(f"promtool: {' '.join(said.split())}")
    return f"{len(queries)} queries of the dashboard are read by promtool"


def check_systemd():
    if not shutil.which("systemd-analyze"):
        return "systemd-analyze is not installed here: units were NOT tried"
    with tempfile.TemporaryDirectory() as directory:
        units = []
        for path in sorted((DEPLOY / "systemd").iterdir()):
            # What it starts need not be installed here.
            text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", path.read_text(), flags=re.M)
            units.append(Path(directory) / path.name)
            units[-1].write_text(text)
        code, said = run("systemd-analyze", "verify", "--man=no", *map(str, units))
        for line in said.splitlines():
            # Of versions before 253.
            if directory in line and "notify-reload" not in line:
                wrong(f"systemd-analyze verify: {line}")
        code, said = run(
            "systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={MOST_EXPOSED}", str(units[0])
        )
    rating = re.search(r"exposure level for \S+: (\S+)", said)
    if code != 0 or not rating:
        wrong(f"systemd-analyze security: {said.strip().splitlines()[-1:]}")
    return f"units are understood, exposure {rating[1] if rating else 'unknown'}"


def check_image():
    """What the Dockerfile copies, and what the sources include, is let through by .dockerignore."""
    ignored = [line.strip() for line in (ROOT / ".dockerignore").read_text().splitlines()]
    passes = {line[1:] for line in ignored if line.startswith("!")}
    inside = lambda path: path.relative_to(ROOT).parts[0] in passes
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        words = line.split()
        if words[:1] == ["COPY"] and not words[1].startswith("--from"):
            for source in words[1:-1]:
                path = (ROOT / source).resolve()
                if not path.exists() or path != ROOT and not inside(path):
                    wrong(f"Dockerfile: {source} is not in the build's context")
    count = 0
    for top in ("src", "crates", "benches"):
        for path in (ROOT / top).rglob("*.rs"):
            # Tests are not built there.
            for name in re.findall(r'include_(?:str|bytes)!\(\s*"([^"]+)"', path.read_text()):
                included = (path.parent / name).resolve()
                count += 1
                if not included.exists() or not inside(included):
                    wrong(f"{path.relative_to(ROOT)} includes {name}, which is not in the build's context")
    return f"{count} included files are in the context of the image's build"


def main():
    for check in (check_image, check_systemd, check_kubernetes, check_grafana, check_promtool):
        print(f"{check.__name__.removeprefix('check_')}:")
        print(f"    {check()}")
    print(f"deploy: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
