# ./run up: simulator, key host and daemon left running. Everything lives in one temporary directory; Ctrl-C ends all of it.

cmd_up() {
  setup_and_build release
  need_program taxgate-sim "./run up"
  need_program taxgate-keyd "./run up"
  need_program taxgated "./run up"
  echo "run: the configuration of the running stack is not written yet" >&2
  exit 1
}
