/**
 * The resident shell that starts everything, so that the agent's own process never forks. One line on stdin is one job: "KIND KEY".
 * `setsid -f` takes the job out of this shell's hands (and, unlike `&`, leaves SIGINT and SIGQUIT as they are). Ends with its stdin.
 * $1 = runtime directory, $2 = setsid, the rest = the unshare command line, or nothing.
 */
export const FORK_SERVER = `root=$1 setsid=$2
shift 2
while IFS= read -r line; do
  key=\${line#* }
  dir=$root/containers/$key
  case $line in
  'namespaces '*) "$setsid" -f "$@" /bin/sh "$root/shim.sh" "$root" "$key" namespaces 2>"$dir/how" ;;
  'group '*) "$setsid" -f /bin/sh "$root/shim.sh" "$root" "$key" group 2>"$dir/how" ;;
  'exec '*) "$setsid" -f /bin/sh "$dir" 2>/dev/null ;;
  esac </dev/null || echo "failed $key the machine cannot start another process"
done
`;

/**
 * Stands beside one container for its whole life, also when the agent dies: starts it, waits, and leaves its exit status in
 * exits/KEY as one line "STATUS HOW". HOW is what the shell says when a signal ended it. With namespaces a second shell is process 1
 * inside and reaps; when the task's first process ends, so does it, and the kernel ends all the rest. Without them the task's
 * process group is ended.
 * $1 = runtime directory, $2 = key of the container, $3 = namespaces | group.
 */
export const SHIM = `root=$1 key=$2 kind=$3 dir=$1/containers/$2
trap : HUP INT QUIT TERM USR1 USR2 PIPE ALRM
read -r shim _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ shimStart _ </proc/self/stat
refuse() {
  echo "failed $key $*"
  exit 125
}
ready() {
  echo "$shim $shimStart $main $mainStart" >"$dir/pids" || refuse 'cannot write the process numbers'
  echo "started $key $shim $shimStart $main $mainStart"
}
task() {
  read -r main _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ mainStart _ </proc/self/stat
  . "$dir/run"
}
if [ "$kind" = namespaces ]; then
  (
    (task)
    exit "$?"
  )
else
  (task)
fi
status=$? how=
if [ "$kind" = group ] && read -r _ _ main _ <"$dir/pids"; then
  kill -s KILL -- "-$main" 2>/dev/null
fi
[ "$status" -gt 128 ] && read -r how <"$dir/how"
echo "$status $how" >>"$root/exits/$key"
`;
