"""What runs the user's script once for each image, in a container that knows nothing of Shoal: any POSIX shell, no file of ours.

Start it as `sh -c LOOP shoal-loop FOLDER`; FOLDER is shared with the worker, which writes the script there. It is ready once
FOLDER/requests is a named pipe. The worker writes the name of a request, a folder with the image in `in/`; it is answered by that
name and the script's exit status. As long as the loop lives it holds the pipe of answers open, so its end is seen at once.
"""

SERVICE_FOLDER = "/shoal-service"
"""In a pod: where worker and service both find the shared folder."""

REQUESTS = "requests"
ANSWERS = "answers"
SCRIPT = "script"

LOOP = r"""
folder=$1
cd "$folder" || exit 1
umask 0
rm -f requests answers
mkfifo answers requests || exit 1
exec 3<>answers 4<>requests
trap 'test -z "$running" || kill "$running" 2>/dev/null; exit 143' TERM
while read -r id <&4; do
  set -- "$id"/in/*
  mkdir -p "$id/out"
  first= by=/bin/sh
  read -r first < script
  case $first in '#!'*) by=${first#'#!'} ;; esac
  (
    export INPUT_FILE_PATH="$folder/$1" TMP_OUTPUT_DIR="$folder/$id/out"
    cd "$id/out" || exit 1
    ulimit -f 2097152
    exec $by "$folder/script"
  ) </dev/null >"$id/stdout" 2>"$id/stderr" 3>&- 4>&- &
  running=$!
  wait "$running"
  echo "$id $?" >&3
  running=
done
"""
