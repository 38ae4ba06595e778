#!/bin/sh
# Shares in percent on one HAProxy backend with one server a side, by its runtime API. Copy it for a balancer of yours.
#
#   haproxy.sh set STABLE CANDIDATE     exit 0: taken · 2: refused, nothing was changed · else: nobody knows
#   haproxy.sh get                      {"stable":87,"candidate":13}
#
# LB_API (socat's address), LB_BACKEND, LB_STABLE and LB_CANDIDATE come from the plan. warroom reads back whatever this
# says it did, ends it with all that it started at its timeout, and asks nothing of it but what stands here.
set -eu

# HAProxy says an empty line when it did what it was told, and why not when it did not.
ask() { printf '%s\n' "$1" | socat -t 5 stdio "$LB_API"; }
weight() {
  answer=$(ask "set server $LB_BACKEND/$1 weight $2")
  if [ -n "$answer" ]; then
    echo "$1: $answer" >&2
    exit 1
  fi
}

case ${1-} in
  set)
    # Weights are whole: 12.5 % would be read back as something else.
    case $2$3 in
      *[!0-9]*) echo "$2 and $3 are not whole percents" >&2; exit 2 ;;
    esac
    # A side is raised before the other is lowered, so nobody ever finds both at 0.
    if [ "$2" -ge "$3" ]; then
      weight "$LB_STABLE" "$2"
      weight "$LB_CANDIDATE" "$3"
    else
      weight "$LB_CANDIDATE" "$3"
      weight "$LB_STABLE" "$2"
    fi
    ;;
  get)
    # One whole line for each server, else this fails and warroom does not know.
    ask "show servers state $LB_BACKEND" | awk -v stable="$LB_STABLE" -v candidate="$LB_CANDIDATE" '
      $1 == "#" { for (i = 2; i <= NF; i++) column[$i] = i - 1 }
      $column["srv_name"] == stable { s = $column["srv_uweight"]; found++ }
      $column["srv_name"] == candidate { c = $column["srv_uweight"]; found++ }
      END { if (found != 2 || (s "," c) !~ /^[0-9]+,[0-9]+$/) exit 1; printf "{\"stable\":%d,\"candidate\":%d}\n", s, c }'
    ;;
  *) echo "set STABLE CANDIDATE, or get" >&2; exit 64 ;;
esac
