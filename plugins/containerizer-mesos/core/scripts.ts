/**
 * The resident shell that starts everything, so that the agent's own process never forks. One line on stdin is one job: "KIND KEY".
 * `setsid -f` takes the job out of this shell's hands (and, unlike `&`, leaves SIGINT and SIGQUIT as they are). Ends with its stdin.
 * An agent that is spared when memory runs out does not hand that on to its tasks. Descriptor 9 is the machine's /proc, by which a shell inside namespaces learns its numbers outside.
 * $1 = runtime directory, $2 = setsid, the rest = the unshare command line, or nothing.
 */
export const FORK_SERVER = `root=$1 setsid=$2
shift 2
exec 9</proc
read -r adj </proc/self/oom_score_adj && [ "$adj" -lt 0 ] && echo 0 >/proc/self/oom_score_adj
while IFS= read -r line; do
  key=\${line#* }
  at=$root/containers/$key
  case $line in
  'namespaces '*) "$setsid" -f "$@" /bin/sh "$root/shim.sh" "$root" "$key" namespaces 2>"$at.log" ;;
  'group '*) "$setsid" -f /bin/sh "$root/shim.sh" "$root" "$key" group 2>"$at.log" ;;
  'nested '*) "$setsid" -f /bin/sh "$at.enter" 2>"$at.log" ;;
  'exec '*) "$setsid" -f /bin/sh "$at" 2>/dev/null 9<&- ;;
  esac </dev/null || echo "failed $key the machine cannot start another process"
done
`;

/**
 * Stands beside one container for its whole life, also when the agent dies: starts it, waits, and leaves its exit status in
 * exits/KEY as one line "STATUS HOW". HOW is what the shell says when a signal ended it; KEY.log has it after the process numbers. With namespaces it is process 1 inside: it
 * reaps, and when the task's first process ends all the rest is ended. Without them the task's process group is.
 * $1 = runtime directory, $2 = key of the container, $3 = namespaces | group.
 */
export const SHIM = `root=$1 key=$2 kind=$3 at=$1/containers/$2
trap : HUP INT QUIT TERM USR1 USR2 PIPE ALRM
read -r shim _ _ _ group _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ shimStart _ </proc/self/fd/9/self/stat
refuse() {
  echo "failed $key $*"
  exit 125
}
ready() {
  [ "$kind" = namespaces ] || group=$main
  echo "pids $shim $shimStart $main $mainStart $group" >&2 || refuse 'cannot write the process numbers'
  echo "started $key $shim $shimStart $main $mainStart $group"
}
task() {
  read -r main _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ mainStart _ </proc/self/fd/9/self/stat
  . "$at.run"
}
(task)
status=$? how=
if [ "$kind" = namespaces ]; then
  [ "$$" = 1 ] && kill -s KILL -- -1 2>/dev/null
elif read -r _ _ _ _ _ group <"$at.log"; then
  kill -s KILL -- "-$group" 2>/dev/null
fi
[ "$status" -gt 128 ] && { read -r _ && read -r how; } <"$at.log"
echo "$status $how" >>"$root/exits/$key"
`;
