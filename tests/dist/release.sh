#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# make dist: two builds of one commit, at another time, place, umask, locale and time zone, are the same to the byte;
# what is in the archive runs, and its bill of materials names all of it.
set -u
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/../cli/lib.sh"
version=$(sed -n 's/^VERSION := //p' "$SRC/Makefile")
name=solodisk-$version-linux-$(dpkg --print-architecture)

# The working tree as one commit, so that what is tested is what is there.
commit=$TMP/commit
mkdir "$commit"
(cd "$SRC" && git ls-files -z -c -o --exclude-standard | cpio -0pdm --quiet "$commit" 2>/dev/null)
export GIT_AUTHOR_DATE="2024-02-29T12:00:00Z" GIT_COMMITTER_DATE="2024-02-29T12:00:00Z"
git -C "$commit" init -q
git -C "$commit" add -A
git -C "$commit" -c user.name=a -c user.email=a@example.org commit -qm all

# build DIRECTORY: a fresh clone's dist/.
build() {
	git clone -q "$commit" "$1" && env -u MAKEFLAGS -u SOURCE_DATE_EPOCH make -C "$1" -j"$(nproc)" dist
}
ok "a build" build "$TMP/a"
ok "another one, elsewhere" env TZ=Asia/Tokyo LC_ALL=C.UTF-8 bash -c "umask 077; export TMPDIR=$TMP
	$(declare -f build); commit=$commit; build '$TMP/another/longer/place'"
is "have the same checksums" "$(cat "$TMP/a/dist/SHA256SUMS")" "$(cat "$TMP/another/longer/place/dist/SHA256SUMS")"
ok "which are right" sh -c "cd $TMP/a/dist && sha256sum -c --quiet SHA256SUMS"
is "of three files" "$(cd "$TMP/a/dist" && echo *)" "SHA256SUMS $name.spdx.json $name.tar.gz solodisk-$version.tar.gz"
unlike "no path of the build is in a program" \
	"$(cat "$TMP"/a/build-dist/bundle/{solodisk,driver/disk,driver/.worker,tool/solodisk} | strings)" "$TMP"

tar -C "$TMP" -xzf "$TMP/a/dist/$name.tar.gz"
like "the archive's tool runs" "$("$TMP/$name/solodisk" --version)" "^solodisk $version\$"
like "and its driver" "$("$TMP/$name/driver/disk" init)" '"Success"'
ok "all may read it, whatever the umask was" test -z "$(find "$TMP/$name" ! -perm -go+r)"
sbom=$TMP/$name/sbom.spdx.json
is "the bill of materials names every file" \
	"$(jq -r '.files[].fileName' "$sbom" | sort)" \
	"$(cd "$TMP/$name" && find . -type f ! -path './licenses/*' ! -name sbom.spdx.json | sort)"
is "with its checksum" \
	"$(jq -r '.files[] | (.checksums[] | select(.algorithm == "SHA256").checksumValue) + "  " + .fileName' "$sbom" |
		(cd "$TMP/$name" && sha256sum -c --quiet 2>&1))" ""
is "each belongs to one package" "$(jq '[.relationships[] | select(.relationshipType == "CONTAINS")] | length' "$sbom")" \
	"$(jq '.files | length' "$sbom")"
is "a library to Debian's, with its version" \
	"$(jq -r '.packages[] | select(.name == "libcryptsetup12").versionInfo' "$sbom")" \
	"$(dpkg-query -W -f '${Version}' libcryptsetup12)"
is "the static programs' libc too" "$(jq -r '.relationships[] | select(.relationshipType == "STATIC_LINK").relatedSpdxElement' "$sbom")" \
	SPDXRef-Package-libc6-dev
is "all identifiers are known, and none is twice" \
	"$(jq -r '([.packages[].SPDXID, .files[].SPDXID]) as $all | ($all | length) - ($all | unique | length),
		(.relationships[] | select((.spdxElementId, .relatedSpdxElement) | IN($all[]) | not))' "$sbom")" 0
is "each package's license is there" \
	"$(jq -r '.packages[1:][].name' "$sbom" | while read -r package; do test -s "$TMP/$name/licenses/$package" || echo "$package"; done)" ""
done_testing
