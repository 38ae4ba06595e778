#!/bin/sh
# A far side that two files stand for: set STABLE CANDIDATE, get. $LB_FOLDER/fault says what goes wrong from here on, and
# $LB_FOLDER/asked has a line for each call. What hangs does so until somebody ends it.
cd "$LB_FOLDER" || exit 2
echo "$1" >> asked
fault=$(cat fault)
hang() { sleep 600; }
put() { printf '%s\n' "$2" > "$1.$$" && mv "$1.$$" "$1"; }
[ "$fault" != hang ] || hang
case "$1" in
get)
    printf '{"stable": %s, "candidate": %s}\n' "$(cat stable)" "$(cat candidate)" ;;
set)
    case "$fault" in
    late)
        # Handed over: whatever becomes of this script, it lands.
        put "late-$$" "$2 $3"
        hang ;;
    half)
        put candidate "$3"
        echo "stable was not told" >&2
        exit 3 ;;
    esac
    put stable "$2"
    put candidate "$3"
    [ "$fault" != lost ] || kill -KILL $$ ;;
esac
