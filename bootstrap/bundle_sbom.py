# SPDX-License-Identifier: GPL-2.0-or-later
"""The bundle's bill of materials (SPDX 2.3, JSON): every file, the Debian package that it is from, and
that package's version and licenses. Writes them and the packages' copyright files into the bundle."""
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time


def query(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def package_of(path):
    """The package that a file is from. It may know the file by the name from before /usr was merged."""
    real = os.path.realpath(path)
    names = [real, real.removeprefix("/usr") if real.startswith("/usr/") else "/usr" + real]
    for name in names:
        line = query("dpkg-query", "-S", name)
        if line:
            return line.split(": ")[0].split(",")[0]
    sys.exit(f"bundle: {path} is from no package, so its version and license are not known")


def describe(package):
    fields = "${Version}\n${source:Package}\n${source:Version}\n${Architecture}"
    version, source, source_version, machine = query("dpkg-query", "-W", "-f", fields, package).split("\n")
    return {"version": version, "source": source, "sourceVersion": source_version, "machine": machine}


def copyright_of(package):
    return f"/usr/share/doc/{package.split(':')[0]}/copyright"


def licenses(package):
    with open(copyright_of(package), encoding="utf-8", errors="replace") as file:
        return sorted(set(re.findall(r"^License: *(\S.*?) *$", file.read(), re.M)))


def identifier(kind, name):
    return f"SPDXRef-{kind}-" + re.sub(r"[^A-Za-z0-9.]", "-", name.lstrip("."))


def sums(path):
    with open(path, "rb") as file:
        data = file.read()
    return [{"algorithm": "SHA1", "checksumValue": hashlib.sha1(data).hexdigest()},
            {"algorithm": "SHA256", "checksumValue": hashlib.sha256(data).hexdigest()}]


def package_entry(package):
    about, name = describe(package), package.split(":")[0]
    return {
        "SPDXID": identifier("Package", name), "name": name, "versionInfo": about["version"],
        "supplier": "Organization: Debian", "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
        "sourceInfo": f"built from the Debian source package {about['source']} {about['sourceVersion']}",
        "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION",
        "licenseComments": "Debian's names: " + ("; ".join(licenses(package)) or "see the file")
                           + f" (licenses/{name})",
        "copyrightText": "NOASSERTION",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
            "referenceLocator": f"pkg:deb/debian/{name}@{about['version'].replace(':', '%3A').replace('+', '%2B')}"
                                f"?arch={about['machine']}"}],
    }


def write(target, version, sources, static):
    """sources: which file of the bundle is a copy of which; static: libraries that are in our programs."""
    root = identifier("Package", "solodisk")
    packages, files, relations = {}, [], []
    for name in sorted(os.path.relpath(os.path.join(top, file), target)
                       for top, _, names in os.walk(target) for file in names):
        entry = {"SPDXID": identifier("File", name), "fileName": "./" + name,
                 "checksums": sums(os.path.join(target, name)),
                 "licenseConcluded": "NOASSERTION", "copyrightText": "NOASSERTION"}
        owner = root
        if name in sources:
            package = package_of(sources[name])
            packages.setdefault(package, package_entry(package))
            owner = packages[package]["SPDXID"]
        files.append(entry)
        relations.append({"spdxElementId": owner, "relationshipType": "CONTAINS",
                          "relatedSpdxElement": entry["SPDXID"]})
    for path in static:
        package = package_of(path)
        packages.setdefault(package, package_entry(package))
        relations.append({"spdxElementId": root, "relationshipType": "STATIC_LINK",
                          "relatedSpdxElement": packages[package]["SPDXID"]})
    own = {"SPDXID": root, "name": "solodisk", "versionInfo": version, "downloadLocation": "NOASSERTION",
           "filesAnalyzed": False, "licenseConcluded": "GPL-2.0-or-later",
           "licenseDeclared": "GPL-2.0-or-later", "copyrightText": "NOASSERTION"}
    for package in packages.values():
        relations.append({"spdxElementId": root, "relationshipType": "DEPENDS_ON",
                          "relatedSpdxElement": package["SPDXID"]})
    digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()
    document = {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"solodisk-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/solodisk-{version}-{digest[:32]}",
        "creationInfo": {
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"]))),
            "creators": [f"Tool: solodisk-bundle-{version}"]},
        "documentDescribes": [root],
        "packages": [own, *(packages[name] for name in sorted(packages))],
        "files": files, "relationships": relations,
    }
    with open(os.path.join(target, "sbom.spdx.json"), "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
    write_licenses(target, packages)


def write_licenses(target, packages):
    os.mkdir(os.path.join(target, "licenses"))
    for package in packages:
        shutil.copyfile(copyright_of(package), os.path.join(target, "licenses", package.split(":")[0]))
    # The licenses themselves, to which Debian's files refer. Links among them become files.
    common = os.path.join(target, "licenses", "common")
    os.mkdir(common)
    for path in sorted(glob.glob("/usr/share/common-licenses/*")):
        shutil.copyfile(path, os.path.join(common, os.path.basename(path)))
