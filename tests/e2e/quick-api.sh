# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # apiserver.sh sets $kube
# api through one "kubectl proxy", for tests that ask all the time. Sourced after apiserver.sh. The proxy starts after
# make_credentials, and outlives the server.

proxy_address=${proxy_address:-127.0.0.1} proxy_port=${proxy_port:-8001}

# kubectl's way to the API server without TLS, for api.
start_proxy() {
	start_daemon kubectl-proxy kubectl proxy --port="$proxy_port"
}

# api METHOD PATH [BODY]: as apiserver.sh's, but with no program to start and no handshake. These take an emulated
# CPU three seconds, and a scenario asks all the time. The answer has no space that nobody needs.
api() {
	local LC_ALL=C answer type=application/json body=${3:-} proxy
	[ "$1" != PATCH ] || type=application/merge-patch+json
	{
		printf '%s %s HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n' "$1" "$2" >&"$proxy"
		printf 'Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s' "$type" ${#body} "$body" >&"$proxy"
		answer=$(cat <&"$proxy")
	} {proxy}<>"/dev/tcp/$proxy_address/$proxy_port" || return 1
	exec {proxy}>&-
	printf '%s\n' "${answer#*$'\r\n\r\n'}"
	[[ $answer =~ ^HTTP/1\..\ 2 ]]
}
