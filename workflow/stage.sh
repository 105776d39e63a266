# Sourced before every job's command.
#
# stage NODES CPUS GPUS MEM_MB COMMAND...
#   Run a stage's command where its resources are: right here; once on each of its nodes where it has several; and
#   inside an allocation that stages share (SCOPE_ALLOCATION is set) as a step with its own part of it.
stage() {
  local nodes=$1 cpus=$2 gpus=$3 mem_mb=$4
  shift 4
  local -x SCOPE_STARTED=$EPOCHREALTIME
  if [ "$nodes" = 1 ] && [ -z "${SCOPE_ALLOCATION:-}" ]; then
    "$@"
    return
  fi
  local share=()
  if [ -n "${SCOPE_ALLOCATION:-}" ]; then
    share=(--exact --cpus-per-task="$cpus" --mem="$mem_mb" --gres="$([ "$gpus" = 0 ] && echo none || echo "gpu:$((gpus / nodes))")")
  fi
  # The ranks on all nodes meet at this port of the first one; a port in use fails the attempt, and the next has another.
  SCOPE_NODES=$nodes SCOPE_PORT=$((20000 + RANDOM % 20000)) \
    srun --nodes="$nodes" --ntasks="$nodes" --ntasks-per-node=1 --cpu-bind=none --kill-on-bad-exit=1 "${share[@]}" "$@"
}
