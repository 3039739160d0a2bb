#!/bin/sh
# k6/run.sh all|workspace|rag|tp-capital [--profile smoke|load|stress|spike|soak] [--url URL] [--reports FOLDER]
#
# Runs these load tests one after the other against URL (http://127.0.0.1:10000), and exits with 1 if one of them missed a threshold.
# Reports (HTML and JSON) go to FOLDER (k6-reports in the current folder).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
profile=load url=${BASE_URL:-http://127.0.0.1:10000} reports=k6-reports what=
usage() { sed -n '2,5p' "$0" | sed 's/^# \{0,1\}//'; }
fail() { echo "run.sh: $1" >&2; usage >&2; exit 2; }
while [ $# -gt 0 ]; do
    case "$1" in
        -h | --help) usage; exit 0 ;;
        --profile | --url | --reports)
            [ $# -gt 1 ] || fail "$1 wants a value"
            case "$1" in --profile) profile=$2 ;; --url) url=$2 ;; *) reports=$2 ;; esac
            shift ;;
        all | workspace | rag | tp-capital) [ -z "$what" ] || fail "one scenario, or all"; what=$1 ;;
        *) fail "$1 is no scenario and no option" ;;
    esac
    shift
done
case "$profile" in smoke | load | stress | spike | soak) ;; *) fail "--profile $profile: it is smoke, load, stress, spike or soak" ;; esac
case "$what" in '') fail "which scenario?" ;; all) what="workspace tp-capital rag" ;; esac
k6=${K6:-$(command -v k6 || echo "$here/../.tools/k6-1.1.0/bin/k6")}
[ -x "$k6" ] || fail "k6 is not installed: \`cargo xtask setup\` does, or set K6"
mkdir -p "$reports"
reports=$(cd "$reports" && pwd)
status=0
for scenario in $what; do
    echo "== $scenario, profile $profile, $url"
    K6_NO_USAGE_REPORT=true "$k6" run --quiet --address '' -e "BASE_URL=$url" -e "PROFILE=$profile" -e "REPORT_DIR=$reports" \
        "$here/$scenario.js" || status=1
done
echo "== reports: $reports"
exit $status
