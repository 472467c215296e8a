#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads rendered manifests. Debian's Python, since it has Debian's yaml.

manifests.py objects FILE    an object a line, sorted, in one spelling; the configuration in it as an object
manifests.py config FILE     the node's configuration in it
manifests.py images FILE     the images in it
manifests.py powers FILE     what each container may do beyond its own walls
"""

import json
import sys

import yaml


def read(path):
    with open(path, encoding="utf-8") as file:
        return [document for document in yaml.safe_load_all(file) if document]


def containers(document):
    spec = document.get("spec", {}).get("template", {}).get("spec", {})
    for container in spec.get("initContainers", []) + spec.get("containers", []):
        yield spec, container


def objects(documents):
    for document in documents:
        if "config.json" in document.get("data", {}):
            document["data"]["config.json"] = json.loads(document["data"]["config.json"])
    return sorted(json.dumps(document, sort_keys=True) for document in documents)


def config(documents):
    return [document["data"]["config.json"] for document in documents if document["kind"] == "ConfigMap"]


def images(documents):
    return sorted({c["image"] for document in documents for _, c in containers(document)})


def powers(documents):
    for document in documents:
        for spec, container in containers(document):
            context = container["securityContext"]
            host = {v["name"]: v["hostPath"]["path"] for v in spec["volumes"] if "hostPath" in v}
            words = [word for word in ("hostNetwork", "hostPID", "hostIPC") if spec.get(word)]
            words += ["privileged"] if context.get("privileged") else []
            words += [] if context.get("runAsNonRoot") else ["root"]
            words += [] if context.get("readOnlyRootFilesystem") else ["writes-its-image"]
            words += [] if context.get("privileged") or context["capabilities"] == {"drop": ["ALL"]} else ["capable"]
            words += [host[mount["name"]] + ("" if mount.get("readOnly") else ":rw")
                      for mount in container.get("volumeMounts", []) if mount["name"] in host]
            yield " ".join([f"{document['metadata']['name']}/{container['name']}:"] + words)


if __name__ == "__main__":
    for line in globals()[sys.argv[1]](read(sys.argv[2])):
        print(line)
