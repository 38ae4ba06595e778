#!/bin/sh
# A balancer's script with everything that can go wrong: the sample's, behind a mode that a test writes into
# $LB_HERE/set and $LB_HERE/get. Each call is a line of $LB_HERE/calls. What would act later waits for $LB_HERE/go.
echo "$$ $*" >>"$LB_HERE/calls"
real() { "$LB_REAL" "$@"; }
later() { while [ ! -e "$LB_HERE/go" ]; do sleep 0.05; done; real "$@"; }

mode=$(cat "$LB_HERE/$1" 2>/dev/null)
case $mode in
  '') real "$@" ;;
  hang) sleep 600 ;;
  slow) sleep 0.5; real "$@" ;;
  # Takes its time, and says in $LB_HERE/done what it came to the end of.
  long) sleep 4; real "$@"; echo "$$ $*" >>"$LB_HERE/done" ;;
  # Ends for nothing but SIGKILL, and then would still set what it was told.
  deaf) trap '' TERM INT HUP; later "$@" ;;
  # Leaves somebody behind who holds both streams open.
  fork) (trap '' TERM INT HUP; later "$@") & sleep 600 ;;
  leave) (trap '' TERM INT HUP; later "$@") & real "$@" ;;
  half) LB_STABLE=$LB_CANDIDATE real set "$3" "$3"; echo 'the second one refuses' >&2; exit 1 ;;
  lie) ;;
  code*) echo "no: ${mode#code }" >&2; exit "${mode#code }" ;;
  html) echo '<html>not here</html>' ;;
  huge) yes '{"stable":100,"candidate":0}' | head -c 300000 ;;
  escape) printf '\033[2J\033]0;owned\007{"stable":100,"candidate":0}' ;;
  twice) real "$@"; real "$@" ;;
  env) env >"$LB_HERE/env"; echo "with $LB_TOKEN" >&2; echo "$LB_TOKEN"; exit 1 ;;
  mask) umask >"$LB_HERE/mask"; real "$@" ;;
  *) echo "no such mode: $mode" >&2; exit 64 ;;
esac
